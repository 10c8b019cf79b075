#include "fastforward/nn/metadata.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <sstream>
#include <vector>

namespace {

using ff::nn::QuantizerMetadata;
using ff::nn::Tag;

TEST(Metadata, TagsCountForAllAboveThem) {
  QuantizerMetadata metadata({"parameter/weight"});
  EXPECT_TRUE(metadata.has_tag("parameter/weight"));
  EXPECT_TRUE(metadata.has_tag("parameter"));
  EXPECT_FALSE(metadata.has_tag("parameter/bias"));
  EXPECT_FALSE(metadata.has_tag("weight"));
  metadata.add_tag("activation").add_tag("mine/a/b");
  EXPECT_TRUE(metadata.has_tag("mine/a"));
  EXPECT_EQ(metadata.tags().size(), 6U);
}

TEST(Metadata, HasAShapeIfGiven) {
  EXPECT_FALSE(QuantizerMetadata().shape().has_value());
  EXPECT_EQ(*QuantizerMetadata({}, std::vector<int64_t>{2, 3}).shape(),
            (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(*QuantizerMetadata().set_shape({4}).shape(), std::vector<int64_t>{4});
}

TEST(Metadata, IsExtensionHasAllAndMayHaveMore) {
  const QuantizerMetadata small({"parameter"}), large({"parameter/weight", "mine"});
  EXPECT_TRUE(small.is_extension(large));
  EXPECT_FALSE(large.is_extension(small));
  EXPECT_TRUE(small.is_extension(small));
  EXPECT_TRUE(QuantizerMetadata().is_extension(large));

  const QuantizerMetadata shaped({"parameter"}, std::vector<int64_t>{2, 3});
  EXPECT_TRUE(small.is_extension(shaped));
  EXPECT_FALSE(shaped.is_extension(small));
  EXPECT_FALSE(shaped.is_extension(QuantizerMetadata({"parameter"}, std::vector<int64_t>{2, 4})));

  QuantizerMetadata one = small, two = small;
  one.attributes()["layer"] = int64_t{1};
  EXPECT_TRUE(small.is_extension(one));
  EXPECT_FALSE(one.is_extension(small));
  two.attributes()["layer"] = int64_t{2};
  EXPECT_FALSE(one.is_extension(two));
  two.attributes()["layer"] = int64_t{1};
  EXPECT_TRUE(one.is_extension(two));
}

TEST(Metadata, Prints) {
  QuantizerMetadata metadata({"parameter/weight"}, std::vector<int64_t>{2, 3});
  metadata.attributes()["layer"] = int64_t{1};
  std::ostringstream stream;
  stream << metadata;
  EXPECT_EQ(stream.str(),
            "QuantizerMetadata(#parameter, #parameter/weight, shape=[2, 3], layer=1)");
}

}  // namespace
