#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "benchmark.h"

namespace bench {

/// Times of one function over all rounds.
struct Timing {
  /// The median, for one run of the function.
  double milliseconds = 0;
  /// The interquartile range relative to the median.
  double spread = 0;
};

/// Returns median and spread of `seconds`, which is not empty. Quartiles between two samples are
/// interpolated.
Timing timing_of(std::vector<double> seconds);

/// What a benchmark gave.
struct Result {
  std::string name;
  Target target;
  std::string peer_name;
  /// Nothing if the answers differ.
  std::optional<Timing> ours;
  std::optional<Timing> peer;
  std::optional<Timing> limit;
  /// Where it was measured.
  std::optional<PeakMemory> memory;
  /// How the answers differ; empty if they do not.
  std::string wrong_answer;

  /// The peer's time through ours.
  std::optional<double> ratio() const;
  /// The limit's time through ours.
  std::optional<double> of_limit() const;
};

/// How long functions are timed.
struct RunnerOptions {
  /// Samples of each function.
  int rounds = 15;
  /// A sample takes at least so long: shorter functions are run several times.
  double sample_seconds = 200e-6;
  /// A function that has taken so long leaves the later rounds, after kFewestSamples.
  double budget_seconds = 1.0;
  /// The time. By default std::chrono::steady_clock.
  std::function<double()> now = nullptr;
};

/// A median of fewer samples says too little.
inline constexpr int kFewestSamples = 3;

/// Compares the answers of a benchmark's functions and, if they agree, times them.
///
/// The functions take turns, so that a slow moment of the machine hits them alike, and each round
/// begins with another one, so that none always finds the caches as the same other one left them.
/// Leaves one thread.
Result run(const Benchmark& benchmark, const RunnerOptions& options);

}  // namespace bench
