#pragma once

#include <optional>
#include <string>

#include "fastforward/model/mpath_fragment.h"

namespace ff::mpath {

/// The factory of [tag:...], if there is one.
std::optional<FragmentFactory> fragment_factory(const std::string& tag);

/// All tags, "a, b, c".
std::string fragment_tags();

}  // namespace ff::mpath
