#include "table.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <ostream>

namespace fashion_mnist {

void Table::add(const std::string& name, double accuracy, double seconds) {
  rows_.push_back({name, accuracy, seconds});
}

std::string Table::json() const {
  nlohmann::json rows = nlohmann::json::array();
  for (const Row& row : rows_) {
    rows.push_back({{"name", row.name},
                    {"accuracy", row.accuracy},
                    {"difference", row.accuracy - rows_.front().accuracy},
                    {"seconds", row.seconds}});
  }
  return nlohmann::json{{"rows", rows}}.dump(2) + "\n";
}

std::ostream& operator<<(std::ostream& stream, const Table& table) {
  char line[128];
  std::snprintf(line, sizeof line, "| %-15s | %10s | %10s | %7s |\n", "network", "accuracy %",
                "difference", "seconds");
  stream << line << "|-----------------|-----------:|-----------:|--------:|\n";
  for (const Table::Row& row : table.rows_) {
    std::snprintf(line, sizeof line, "| %-15s | %10.2f | %+10.2f | %7.1f |\n", row.name.c_str(),
                  row.accuracy, row.accuracy - table.rows_.front().accuracy, row.seconds);
    stream << line;
  }
  return stream;
}

}  // namespace fashion_mnist
