#include <ostream>

#include "fastforward/storage/state.h"

namespace ff {

std::ostream& operator<<(std::ostream& stream, const LoadReport& report) {
  stream << "loaded " << report.loaded.size() << ", skipped " << report.skipped.size()
         << ", missing " << report.missing.size() << ", " << report.differences.size()
         << " differences\n";
  for (const LoadReport::Skipped& skipped : report.skipped)
    stream << "  skipped '" << skipped.name << "': " << skipped.reason << "\n";
  for (const std::string& name : report.missing)
    stream << "  missing '" << name << "'\n";
  for (const std::string& difference : report.differences)
    stream << "  " << difference << "\n";
  return stream;
}

}  // namespace ff
