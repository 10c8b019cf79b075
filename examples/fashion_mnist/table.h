#pragma once

#include <chrono>
#include <iosfwd>
#include <string>
#include <vector>

namespace fashion_mnist {

/// Measures the time since it was made.
class Stopwatch {
 public:
  /// Seconds so far.
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Test accuracies in percent; the first row is what the others are compared with.
class Table {
 public:
  /// Adds a row.
  void add(const std::string& name, double accuracy, double seconds);
  /// The rows as {"rows": [{"name": ..., "accuracy": ..., "difference": ..., "seconds": ...}]}.
  std::string json() const;

 private:
  friend std::ostream& operator<<(std::ostream& stream, const Table& table);
  struct Row {
    std::string name;
    double accuracy;
    double seconds;
  };
  std::vector<Row> rows_;
};

/// Writes the table with its header.
std::ostream& operator<<(std::ostream& stream, const Table& table);

}  // namespace fashion_mnist
