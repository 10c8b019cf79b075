#pragma once

#include <torch/nn/module.h>

#include <functional>
#include <map>
#include <string>

namespace ff::mpath {

/// True for a module of a class or of one derived from it.
using ClassTest = std::function<bool(const torch::nn::Module&)>;
/// By plain_class_name.
using ClassTests = std::map<std::string, ClassTest>;

/// The modules of LibTorch, and the quantizers.
ClassTests builtin_classes();

}  // namespace ff::mpath
