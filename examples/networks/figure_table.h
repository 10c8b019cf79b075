#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace networks {

/// Rows of named figures, for the tables that the examples print.
class FigureTable {
 public:
  /// A figure.
  struct Figure {
    /// What stands above its column.
    std::string name;
    /// Its value.
    double value;
    /// Digits after the point that are shown.
    int digits = 4;
  };

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
