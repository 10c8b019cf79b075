#include "runner.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>

#include "compare.h"

namespace bench {
namespace {

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The value a part of the way through sorted samples.
double quantile(const std::vector<double>& sorted, double part) {
  const double position = part * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (position - std::floor(position)) * (sorted[above] - sorted[below]);
}

// One function and its samples.
class Course {
 public:
  Course(const Contestant& contestant, const RunnerOptions& options)
      : contestant_(contestant), options_(options) {
    at::set_num_threads(contestant_.threads);
    contestant_.run();
    // Grow the batch by measuring it: a single short run says little.
    for (double seconds = batch_seconds(); seconds < options_.sample_seconds;
         seconds = batch_seconds()) {
      const double factor = 1.2 * options_.sample_seconds / std::max(seconds, 1e-9);
      batch_ = static_cast<int64_t>(
          std::ceil(static_cast<double>(batch_) * std::clamp(factor, 1.5, 100.0)));
    }
  }

  void take_sample() {
    const bool is_spent =
        spent_ >= options_.budget_seconds && static_cast<int>(samples_.size()) >= kFewestSamples;
    if (is_spent)
      return;
    at::set_num_threads(contestant_.threads);
    // Small data is to be in the cache, where the others' turns have displaced it.
    if (batch_ > 1)
      contestant_.run();
    const double seconds = batch_seconds();
    spent_ += seconds;
    samples_.push_back(seconds / static_cast<double>(batch_));
  }

  Timing timing() const {
    return timing_of(samples_);
  }

 private:
  double batch_seconds() const {
    const double start = options_.now();
    for (int64_t i = 0; i < batch_; ++i)
      contestant_.run();
    return options_.now() - start;
  }

  const Contestant& contestant_;
  const RunnerOptions& options_;
  int64_t batch_ = 1;
  double spent_ = 0;
  std::vector<double> samples_;
};

std::optional<double> quotient(const std::optional<Timing>& other,
                               const std::optional<Timing>& ours) {
  if (!other.has_value() || !ours.has_value())
    return std::nullopt;
  return other->milliseconds / ours->milliseconds;
}

void time_in_turns(const Contest& contest, const RunnerOptions& options, Result& result) {
  std::vector<Course> courses;
  std::vector<std::optional<Timing>*> timings;
  const auto enter = [&](const Contestant& contestant, std::optional<Timing>& timing) {
    courses.emplace_back(contestant, options);
    timings.push_back(&timing);
  };
  enter(contest.ours, result.ours);
  if (contest.peer.has_value())
    enter(*contest.peer, result.peer);
  if (contest.limit.has_value())
    enter(*contest.limit, result.limit);
  for (int round = 0; round < options.rounds; ++round) {
    for (size_t turn = 0; turn < courses.size(); ++turn)
      courses[(static_cast<size_t>(round) + turn) % courses.size()].take_sample();
  }
  for (size_t i = 0; i < courses.size(); ++i)
    *timings[i] = courses[i].timing();
}

}  // namespace

Timing timing_of(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  const double median = quantile(seconds, 0.5);
  return {median * 1e3, (quantile(seconds, 0.75) - quantile(seconds, 0.25)) / median};
}

std::optional<double> Result::ratio() const {
  return quotient(peer, ours);
}

std::optional<double> Result::of_limit() const {
  return quotient(limit, ours);
}

Result run(const Benchmark& benchmark, const RunnerOptions& options) {
  RunnerOptions timed = options;
  if (timed.now == nullptr)
    timed.now = steady_seconds;
  at::set_num_threads(1);
  const Contest contest = benchmark.make();
  Result result;
  result.name = benchmark.name;
  result.target = benchmark.target;
  result.memory = contest.memory;
  if (contest.peer.has_value())
    result.peer_name = contest.peer->name;
  try {
    if (contest.check != nullptr)
      contest.check();
    time_in_turns(contest, timed, result);
  } catch (const WrongAnswer& difference) {
    result.wrong_answer = difference.what();
  }
  at::set_num_threads(1);
  return result;
}

}  // namespace bench
