#pragma once

#include <string>
#include <utility>
#include <vector>

/// The figures that the example prints, one sentence each, and writes with --json FILE.
class Figures {
 public:
  /// Reads the command line; exits with a message if it cannot be understood.
  Figures(int argc, char** argv);

  /// Prints "<sentence>: <value>".
  void add(const std::string& sentence, double value);
  /// Writes {"rows": [{"name": <sentence>, "value": <value>}, ...]} to FILE, if one was given.
  void write() const;

 private:
  std::string path_;
  std::vector<std::pair<std::string, double>> rows_;
};
