#pragma once

#include <string>
#include <vector>

namespace ff::integer {

/// Operators that compute each element of the result from one element of one operand, or with
/// numbers or a second tensor too: "aten::relu" and so on.
const std::vector<std::string>& functions_of_elements();

}  // namespace ff::integer
