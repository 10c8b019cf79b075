#pragma once

#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

namespace networks {

/// Rows of named figures, for the tables that the examples print.
class FigureTable {
 public:
  /// A figure: its name and its value.
  using Figure = std::pair<std::string, double>;

  /// Adds a row. All rows have the same figures.
  void add(const std::string& name, std::vector<Figure> figures);
  /// Returns {"rows": [{"name": ..., figures}]}; a figure that is no finite number is null.
  std::string json() const;

 private:
  friend std::ostream& operator<<(std::ostream& stream, const FigureTable& table);
  struct Row {
    std::string name;
    std::vector<Figure> figures;
  };
  std::vector<Row> rows_;
};

/// Writes the table as Markdown.
std::ostream& operator<<(std::ostream& stream, const FigureTable& table);

}  // namespace networks
