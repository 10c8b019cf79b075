#pragma once

#include <string>
#include <string_view>

#include "fastforward/core/type_name.h"

namespace ff::nn {

/// The type without namespaces and without "Impl": "a::WrapImpl<b>" gives "Wrap<b>".
inline std::string holder_name(std::string_view type) {
  std::string name = unqualified_name(type);
  const std::string_view own = std::string_view(name).substr(0, name.find('<'));
  if (own.ends_with("Impl"))
    name.erase(own.size() - 4, 4);
  return name;
}

/// A type with the path, if that is known: "LinearQuantizer 'layer1.weight_quantizer'".
inline std::string described(const std::string& type, const std::string& path) {
  return path.empty() ? type : type + " '" + path + "'";
}

}  // namespace ff::nn
