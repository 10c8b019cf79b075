#include "fastforward/nn/tag.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

namespace {

using ff::nn::Tag;

std::vector<std::string> texts(const std::vector<Tag>& tags) {
  std::vector<std::string> list;
  for (const Tag& tag : tags)
    list.push_back(tag.str());
  return list;
}

TEST(Tag, HierarchyBeginsWithItself) {
  EXPECT_EQ(texts(Tag("a/b/c").hierarchy()), (std::vector<std::string>{"a/b/c", "a/b", "a"}));
  EXPECT_EQ(texts(Tag("a").hierarchy()), std::vector<std::string>{"a"});
}

TEST(Tag, SlashGoesBelow) {
  EXPECT_EQ((Tag("parameter") / "weight").str(), "parameter/weight");
  EXPECT_EQ(ff::nn::default_tags::parameter_quantizer / "weight",
            ff::nn::default_tags::weight_quantizer);
}

TEST(Tag, ComparesItsText) {
  EXPECT_EQ(Tag("a"), Tag("a"));
  EXPECT_NE(Tag("a"), Tag("a/b"));
  EXPECT_LT(Tag("a"), Tag("b"));
}

TEST(Tag, Prints) {
  std::ostringstream stream;
  stream << Tag("parameter/weight");
  EXPECT_EQ(stream.str(), "#parameter/weight");
}

}  // namespace
