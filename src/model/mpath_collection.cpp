#include "fastforward/model/mpath_collection.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <ostream>

#include "fastforward/model/mpath_tree.h"

namespace ff::mpath {

const Match& MPathCollection::operator[](size_t index) const {
  TORCH_CHECK_INDEX(index < matches_.size(), "MPathCollection: index ", index,
                    " is out of range; there are ", matches_.size(), " matches.");
  return matches_[index];
}

std::vector<std::string> MPathCollection::names() const {
  std::vector<std::string> result;
  for (const Match& match : matches_)
    result.push_back(match.name);
  return result;
}

bool MPathCollection::contains(const Match& match) const {
  return std::find(matches_.begin(), matches_.end(), match) != matches_.end();
}

void MPathCollection::check_same_root(const MPathCollection& other, const char* operation) const {
  TORCH_CHECK_VALUE(root_ == other.root_, "MPathCollection: the ", operation,
                    " of collections from two models has no meaning; search one model for both.");
}

MPathCollection MPathCollection::union_with(const MPathCollection& other) const {
  check_same_root(other, "union");
  std::vector<Match> matches = matches_;
  std::copy_if(other.begin(), other.end(), std::back_inserter(matches),
               [&](const Match& match) { return !contains(match); });
  return {*root_, std::move(matches)};
}

MPathCollection MPathCollection::intersection_with(const MPathCollection& other) const {
  check_same_root(other, "intersection");
  std::vector<Match> matches;
  std::copy_if(begin(), end(), std::back_inserter(matches),
               [&](const Match& match) { return other.contains(match); });
  return {*root_, std::move(matches)};
}

MPathCollection MPathCollection::difference_with(const MPathCollection& other) const {
  check_same_root(other, "difference");
  std::vector<Match> matches;
  std::copy_if(begin(), end(), std::back_inserter(matches),
               [&](const Match& match) { return !other.contains(match); });
  return {*root_, std::move(matches)};
}

MPathCollection MPathCollection::symmetric_difference_with(const MPathCollection& other) const {
  check_same_root(other, "symmetric difference");
  return difference_with(other).union_with(other.difference_with(*this));
}

std::ostream& operator<<(std::ostream& stream, const MPathCollection& collection) {
  size_t width = 0;
  for (const Match& match : collection)
    width = std::max(width, match.name.size());
  for (const Match& match : collection) {
    stream << match.name << std::string(width - match.name.size() + 2, ' ')
           << ModuleNode(*match.module).class_name() << "\n";
  }
  return stream;
}

}  // namespace ff::mpath
