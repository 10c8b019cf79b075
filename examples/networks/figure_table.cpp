#include "figure_table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

namespace networks {
namespace {

std::string text_of(const FigureTable::Figure& figure) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.*f", figure.digits, figure.value);
  return text;
}

}  // namespace

void FigureTable::add(const std::string& name, std::vector<Figure> figures) {
  rows_.push_back({name, std::move(figures)});
}

std::string FigureTable::json() const {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const Row& row : rows_) {
    nlohmann::ordered_json entry = {{"name", row.name}};
    for (const Figure& figure : row.figures) {
      entry[figure.name] = nullptr;
      if (std::isfinite(figure.value))
        entry[figure.name] = figure.value;
    }
    rows.push_back(entry);
  }
  return nlohmann::ordered_json{{"rows", rows}}.dump(2) + "\n";
}

std::ostream& operator<<(std::ostream& stream, const FigureTable& table) {
  if (table.rows_.empty())
    return stream;
  size_t name_width = 4;
  for (const FigureTable::Row& row : table.rows_)
    name_width = std::max(name_width, row.name.size());
  const auto cell = [&](const std::string& text, size_t width, bool is_left) {
    const std::string space(width - std::min(width, text.size()), ' ');
    stream << " " << (is_left ? text + space : space + text) << " |";
  };
  const auto width_of = [](const FigureTable::Figure& figure) {
    return std::max<size_t>(figure.name.size(), 9);
  };
  const std::vector<FigureTable::Figure>& columns = table.rows_[0].figures;
  stream << "|";
  cell("", name_width, true);
  for (const FigureTable::Figure& column : columns)
    cell(column.name, width_of(column), false);
  stream << "\n|" << std::string(name_width + 2, '-') << "|";
  for (const FigureTable::Figure& column : columns)
    stream << std::string(width_of(column) + 1, '-') << ":|";
  stream << "\n";
  for (const FigureTable::Row& row : table.rows_) {
    stream << "|";
    cell(row.name, name_width, true);
    for (size_t i = 0; i < row.figures.size(); ++i)
      cell(text_of(row.figures[i]), width_of(columns[i]), false);
    stream << "\n";
  }
  return stream;
}

}  // namespace networks
