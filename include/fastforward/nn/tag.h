#pragma once

#include <compare>
#include <iosfwd>
#include <string>
#include <vector>

#include "fastforward/core/api.h"

namespace ff::nn {

/// A label of a quantizer, hierarchical with '/': "parameter/weight" is also a "parameter".
class FF_API Tag {
 public:
  /// A tag from its text.
  Tag(std::string symbol) : symbol_(std::move(symbol)) {}
  /// A tag from its text.
  Tag(const char* symbol) : symbol_(symbol) {}

  /// Returns the text.
  const std::string& str() const {
    return symbol_;
  }
  /// Returns this tag and all tags above it, the most special first: parameter/weight, parameter.
  std::vector<Tag> hierarchy() const;
  /// Returns a tag below this one.
  Tag operator/(const Tag& below) const {
    return Tag(symbol_ + "/" + below.symbol_);
  }
  /// Compares the text.
  auto operator<=>(const Tag&) const = default;

 private:
  std::string symbol_;
};

/// Writes the tag as "#parameter/weight".
FF_API std::ostream& operator<<(std::ostream& stream, const Tag& tag);

/// The tags of FastForward's own layers.
namespace default_tags {
/// Of a parameter.
inline const Tag parameter_quantizer("parameter");
/// Of an activation.
inline const Tag activation_quantizer("activation");
/// Of a weight.
inline const Tag weight_quantizer("parameter/weight");
/// Of a bias.
inline const Tag bias_quantizer("parameter/bias");
/// Of a layer's input.
inline const Tag input_quantizer("activation/input");
/// Of a layer's output.
inline const Tag output_quantizer("activation/output");
}  // namespace default_tags

}  // namespace ff::nn
