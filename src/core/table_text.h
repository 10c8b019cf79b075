#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace ff {

/// Writes rows of equally many cells, each column as wide as its widest cell, two spaces between.
void write_table(std::ostream& stream, const std::vector<std::vector<std::string>>& rows);

}  // namespace ff
