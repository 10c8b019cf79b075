// Compares our answers with golden vectors: golden [FOLDER], by default FF_GOLDEN, else
// tests/golden. Prints "golden FAMILY N cases M mismatches" for each family, and each mismatch
// before that.

#include <cstdlib>
#include <exception>
#include <iostream>

#include "golden/families.h"

namespace {

struct Family {
  const char* name;
  std::string (*check)(const golden::Case&);
};

constexpr Family kFamilies[] = {{"affine", golden::check_affine},
                                {"range", golden::check_range},
                                {"dynamic", golden::check_dynamic},
                                {"estimator", golden::check_estimator},
                                {"custom", golden::check_custom}};

// Returns the number of mismatches, -1 if the family cannot be read.
int run(const Family& family, const std::filesystem::path& folder) {
  try {
    const std::vector<golden::Case> cases = golden::read_family(folder, family.name);
    int mismatches = 0;
    for (const golden::Case& one : cases) {
      std::string wrong;
      try {
        wrong = family.check(one);
      } catch (const std::exception& error) {
        wrong = error.what();
      }
      if (!wrong.empty()) {
        ++mismatches;
        std::cout << "  " << one.json.dump() << ": " << wrong << "\n";
      }
    }
    std::cout << "golden " << family.name << " " << cases.size() << " cases " << mismatches
              << " mismatches\n";
    return mismatches;
  } catch (const std::exception& error) {
    std::cout << "golden " << family.name << ": " << error.what() << "\n";
    return -1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const char* from_environment = std::getenv("FF_GOLDEN");
  const std::filesystem::path folder = argc > 1           ? argv[1]
                                       : from_environment ? from_environment
                                                          : FF_GOLDEN_DEFAULT;
  bool all_equal = true;
  for (const Family& family : kFamilies) {
    all_equal = run(family, folder) == 0 && all_equal;
  }
  return all_equal ? 0 : 1;
}
