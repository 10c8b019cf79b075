#pragma once

#include <string>
#include <vector>

#include "fastforward/model/mpath.h"
#include "model/program.h"

namespace ff::model {

/// Where a selector would match if every site had a quantizer for a weight, an input and an output:
/// paths of such places. A selector that matches a site itself gives the site's path.
std::vector<std::string> matches_without_place(const mpath::Selector& selector,
                                               torch::nn::Module& root);

}  // namespace ff::model
