#include "fastforward/model/mpath_tree.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fastforward/model/mpath.h"

namespace {

namespace mpath = ff::mpath;
// A tree that has no modules.
struct Folder final : mpath::Node {
  std::vector<std::pair<std::string, mpath::NodePtr>> entries;

  std::vector<std::pair<std::string, mpath::NodePtr>> children() const override {
    return entries;
  }
  std::string class_name() const override {
    return "folder";
  }
};

TEST(MPathTree, AnyTreeIsSearched) {
  const auto leaf = std::make_shared<Folder>(), inner = std::make_shared<Folder>(),
             root = std::make_shared<Folder>();
  inner->entries = {{"x", leaf}, {"y", leaf}};
  root->entries = {{"a", inner}, {"b", leaf}};
  const auto found = mpath::search("**/[cls:folder]~a", mpath::NodePtr(root));
  ASSERT_EQ(found.size(), 3);
  EXPECT_EQ(found[0].first, "a.x");
  EXPECT_EQ(found[1].first, "a.y");
  EXPECT_EQ(found[2].first, "b");
  EXPECT_EQ(found[2].second, leaf);
  EXPECT_TRUE(mpath::search("**/[qtag:a]", mpath::NodePtr(root)).empty());
}

// a/a/.../a, 300 levels: a search by trying would take 2^300 steps.
TEST(MPathTree, HardQueriesAreFast) {
  auto root = std::make_shared<Folder>();
  for (int i = 0; i < 300; ++i) {
    auto parent = std::make_shared<Folder>();
    parent->entries = {{"a", root}};
    root = parent;
  }
  std::string query;
  for (int i = 0; i < 30; ++i)
    query += "**/{a, *}/{**, a/a}/";
  EXPECT_TRUE(mpath::search(query + "b", mpath::NodePtr(root)).empty());
  EXPECT_EQ(mpath::search(query + "a", mpath::NodePtr(root)).size(), 270);
}

}  // namespace
