#pragma once

#include <ATen/core/ivalue.h>

#include <cstdint>
#include <iosfwd>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/nn/tag.h"

namespace ff::nn {

/// What a quantizer is for: tags, the shape of its data if known, and attributes of the user's own.
class FF_API QuantizerMetadata {
 public:
  /// No tags, no shape.
  QuantizerMetadata() = default;
  /// Some tags (with all tags above them), and the shape.
  explicit QuantizerMetadata(const std::vector<Tag>& tags,
                             std::optional<std::vector<int64_t>> shape = std::nullopt);

  /// Adds a tag and all tags above it.
  QuantizerMetadata& add_tag(const Tag& tag);
  /// True if it has the tag or one below it.
  bool has_tag(const Tag& tag) const {
    return tags_.count(tag) != 0;
  }
  /// Returns all tags.
  const std::set<Tag>& tags() const {
    return tags_;
  }
  /// Returns the shape of the data, if known.
  const std::optional<std::vector<int64_t>>& shape() const {
    return shape_;
  }
  /// Sets the shape of the data.
  QuantizerMetadata& set_shape(std::vector<int64_t> shape);
  /// Returns the user's attributes, to read and to change.
  std::map<std::string, c10::IValue>& attributes() {
    return attributes_;
  }
  /// Returns the user's attributes.
  const std::map<std::string, c10::IValue>& attributes() const {
    return attributes_;
  }

  /// True if it has no tags, no shape and no attributes.
  bool is_empty() const {
    return tags_.empty() && !shape_.has_value() && attributes_.empty();
  }
  /// True if `other` has all tags of this, and the same shape (where this has one) and attributes.
  /// It may have more.
  bool is_extension(const QuantizerMetadata& other) const;

 private:
  std::set<Tag> tags_;
  std::optional<std::vector<int64_t>> shape_;
  std::map<std::string, c10::IValue> attributes_;
};

/// Writes tags, shape and attributes in one line.
FF_API std::ostream& operator<<(std::ostream& stream, const QuantizerMetadata& metadata);

}  // namespace ff::nn
