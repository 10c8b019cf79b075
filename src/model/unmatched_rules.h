#pragma once

#include <optional>
#include <string>

#include "fastforward/model/mpath.h"
#include "model/program.h"

namespace ff::model {

/// Where a selector would match if every site had a quantizer for a weight, an input and an output:
/// the path of such a place, nothing if it matches none either. A selector that matches a site
/// itself gives the site's path.
std::optional<std::string> match_without_place(const mpath::Selector& selector,
                                               torch::nn::Module& root);

}  // namespace ff::model
