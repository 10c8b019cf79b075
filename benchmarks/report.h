#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "runner.h"

namespace bench {

/// Writes results as rows of a Markdown table, each as soon as it is there.
class Report {
 public:
  /// Writes the table's head to `out`, which must outlive the report.
  explicit Report(std::ostream& out);

  /// Writes a row. Its last column names what misses its target.
  void add(const Result& result);

  /// Returns {"<name>": {"ours_ms", "peer", "peer_ms", "ratio", "limit_ms", "of_limit"}}, with null
  /// for what a benchmark does not have.
  std::string json() const;
  /// Returns the number of wrong answers.
  int wrong_answers() const;

 private:
  std::ostream& out_;
  std::vector<Result> results_;
};

}  // namespace bench
