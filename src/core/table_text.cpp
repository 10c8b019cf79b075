#include "core/table_text.h"

#include <algorithm>
#include <ostream>

namespace ff {

void write_table(std::ostream& stream, const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const std::vector<std::string>& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  }
  for (const std::vector<std::string>& row : rows) {
    for (size_t i = 0; i + 1 < row.size(); ++i)
      stream << row[i] << std::string(widths[i] - row[i].size() + 2, ' ');
    if (!row.empty())
      stream << row.back();
    stream << "\n";
  }
}

}  // namespace ff
