#pragma once

#include "core/json.h"

namespace ff::json::detail {

/// One value or key.
struct Node {
  Kind kind = Kind::kNull;
  bool truth = false;
  /// The array or object that it is in; 0 for the root, which is node 0. The parent of a value in
  /// an object is the object; the key is the node before the value.
  std::uint32_t parent = 0;
  /// The first node behind this one and all that is in it.
  std::uint32_t next = 0;
  /// The values of an array, the members of an object.
  std::uint32_t count = 0;
  /// The byte of the text where it begins.
  std::uint32_t offset = 0;
  /// Where its text is in the pool: a string without escapes, a number as it stands.
  std::uint32_t text = 0;
  std::uint32_t text_bytes = 0;
};

/// A document, flat: each array or object is followed by what is in it, in the order of the text.
struct Tape {
  std::string name;
  std::optional<std::size_t> first_byte;
  std::vector<Node> nodes;
  std::string pool;

  std::string_view text_of(const Node& node) const {
    return std::string_view(pool).substr(node.text, node.text_bytes);
  }
};

}  // namespace ff::json::detail
