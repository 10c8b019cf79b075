#include "fastforward/nn/metadata.h"

#include <c10/util/ArrayRef.h>

#include <algorithm>
#include <ostream>

namespace ff::nn {

QuantizerMetadata::QuantizerMetadata(const std::vector<Tag>& tags,
                                     std::optional<std::vector<int64_t>> shape)
    : shape_(std::move(shape)) {
  for (const Tag& tag : tags)
    add_tag(tag);
}

QuantizerMetadata& QuantizerMetadata::add_tag(const Tag& tag) {
  for (const Tag& level : tag.hierarchy())
    tags_.insert(level);
  return *this;
}

QuantizerMetadata& QuantizerMetadata::set_shape(std::vector<int64_t> shape) {
  shape_ = std::move(shape);
  return *this;
}

bool QuantizerMetadata::is_extension(const QuantizerMetadata& other) const {
  if (!std::includes(other.tags_.begin(), other.tags_.end(), tags_.begin(), tags_.end()))
    return false;
  if (shape_.has_value() && shape_ != other.shape_)
    return false;
  return std::all_of(attributes_.begin(), attributes_.end(), [&](const auto& attribute) {
    const auto found = other.attributes_.find(attribute.first);
    return found != other.attributes_.end() && found->second == attribute.second;
  });
}

std::ostream& operator<<(std::ostream& stream, const QuantizerMetadata& metadata) {
  stream << "QuantizerMetadata(";
  const char* separator = "";
  for (const Tag& tag : metadata.tags()) {
    stream << separator << tag;
    separator = ", ";
  }
  if (metadata.shape().has_value()) {
    stream << separator << "shape=" << c10::IntArrayRef(*metadata.shape());
    separator = ", ";
  }
  for (const auto& [name, value] : metadata.attributes()) {
    stream << separator << name << "=" << value;
    separator = ", ";
  }
  return stream << ")";
}

}  // namespace ff::nn
