#pragma once

#include <string>

#include "golden/vectors.h"

namespace golden {

/// Each returns "" if our answer to a case is the expected one, else what differs.
std::string check_affine(const Case& one);
std::string check_range(const Case& one);
std::string check_dynamic(const Case& one);
std::string check_estimator(const Case& one);
std::string check_custom(const Case& one);

}  // namespace golden
