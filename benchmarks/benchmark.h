#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace bench {

/// A function that is timed.
struct Contestant {
  /// For the table.
  std::string name;
  /// Does the work once.
  std::function<void()> run;
  /// How many threads LibTorch may use meanwhile.
  int threads = 1;
};

/// A function that is compared by what it returns and timed by what it takes.
struct Answer {
  std::string name;
  std::function<at::Tensor()> tensor;

  /// To be timed.
  Contestant contestant() const {
    return {name, tensor};
  }
};

/// The most memory that there is at once, weights and all, in bytes.
struct PeakMemory {
  int64_t ours;
  int64_t peer;
};

/// The same work done by us and by others.
struct Contest {
  /// Our function.
  Contestant ours;
  /// Who does the same.
  std::optional<Contestant> peer;
  /// A plain copy or read of as many bytes: what memory allows.
  std::optional<Contestant> limit;
  /// Compares our answer to the peer's; throws WrongAnswer.
  std::function<void()> check;
  /// Where memory matters.
  std::optional<PeakMemory> memory = {};
};

/// What is to be reached.
struct Target {
  /// The peer's time through ours.
  std::optional<double> ratio;
  /// The limit's time through ours.
  std::optional<double> of_limit;
};

/// One question with its name. The contest is made when its turn comes and its memory is freed
/// after it.
struct Benchmark {
  std::string name;
  Target target;
  std::function<Contest()> make;
};

}  // namespace bench
