#pragma once

#include <string>
#include <string_view>

#include "fastforward/core/api.h"

namespace ff {

/// Returns the name of a type without the namespaces and classes that it stands in.
///
/// `name` is the type's full name as the compiler or c10::demangle writes it. Template arguments
/// stay as they are: "a::Wrap<b::Inner>" gives "Wrap<b::Inner>".
FF_API std::string unqualified_name(std::string_view name);

}  // namespace ff
