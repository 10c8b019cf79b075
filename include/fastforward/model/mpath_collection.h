#pragma once

#include <torch/nn/module.h>

#include <concepts>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "fastforward/core/api.h"

namespace ff::mpath {

/// A module that a search found.
struct Match {
  /// The path from the root, like "encoder.0.fc".
  std::string name;
  /// The module.
  std::shared_ptr<torch::nn::Module> module;
  /// The module that has it as a child. Lives as long as the model.
  torch::nn::Module* parent;
  /// The name under which `parent` has it, like "fc".
  std::string key;

  /// Equal when place and module are.
  bool operator==(const Match& other) const {
    return name == other.name && module == other.module;
  }
};

/// What a search found, in order. Source: FastForward's MPathCollection.
class FF_API MPathCollection {
 public:
  /// Matches below `root`, which must outlive the collection.
  MPathCollection(torch::nn::Module& root, std::vector<Match> matches)
      : root_(&root), matches_(std::move(matches)) {}

  /// Returns an iterator to the first match.
  auto begin() const {
    return matches_.begin();
  }
  /// Returns the end.
  auto end() const {
    return matches_.end();
  }
  /// Returns the number of matches.
  size_t size() const {
    return matches_.size();
  }
  /// True if nothing was found.
  bool empty() const {
    return matches_.empty();
  }
  /// Returns a match. Throws c10::IndexError if there are not so many.
  const Match& operator[](size_t index) const;
  /// Returns the paths.
  std::vector<std::string> names() const;
  /// Returns the module that was searched.
  torch::nn::Module& root() const {
    return *root_;
  }

  /// Returns what is in this or in `other`: this one's matches, then what only `other` has. Throws
  /// c10::ValueError if the two come from different models; so do the others below.
  MPathCollection union_with(const MPathCollection& other) const;
  /// Returns what is in both.
  MPathCollection intersection_with(const MPathCollection& other) const;
  /// Returns what is in this but not in `other`.
  MPathCollection difference_with(const MPathCollection& other) const;
  /// Returns what is in one of the two only.
  MPathCollection symmetric_difference_with(const MPathCollection& other) const;

  /// Equal when both have the same matches of the same model, in the same order.
  bool operator==(const MPathCollection& other) const {
    return root_ == other.root_ && matches_ == other.matches_;
  }

 protected:
  /// The matches, for collections that change what they found.
  std::vector<Match>& matches() {
    return matches_;
  }

 private:
  bool contains(const Match& match) const;
  void check_same_root(const MPathCollection& other, const char* operation) const;

  torch::nn::Module* root_;
  std::vector<Match> matches_;
};

/// A collection of matches, or a special one that can be made of any.
template <typename C>
concept Collection =
    std::derived_from<C, MPathCollection> && std::constructible_from<C, MPathCollection>;

/// Returns a.union_with(b).
template <Collection C>
C operator|(const C& a, const C& b) {
  return C(a.union_with(b));
}
/// Returns a.intersection_with(b).
template <Collection C>
C operator&(const C& a, const C& b) {
  return C(a.intersection_with(b));
}
/// Returns a.difference_with(b).
template <Collection C>
C operator-(const C& a, const C& b) {
  return C(a.difference_with(b));
}
/// Returns a.symmetric_difference_with(b).
template <Collection C>
C operator^(const C& a, const C& b) {
  return C(a.symmetric_difference_with(b));
}

/// Writes a line for each match: its path and its class.
FF_API std::ostream& operator<<(std::ostream& stream, const MPathCollection& collection);

}  // namespace ff::mpath
