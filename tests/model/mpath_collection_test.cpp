#include "fastforward/model/mpath_collection.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "fastforward/model/mpath.h"
#include "model/mpath_model.h"
#include "support/expect_error.h"

namespace {

namespace mpath = ff::mpath;
using Names = std::vector<std::string>;

TEST(MPathCollection, SetsAndOrder) {
  const ff::test::Nested model;
  const auto linear = mpath::search("**/[cls:Linear]", model);
  const auto first = mpath::search("layers/0/*", model);
  EXPECT_EQ((linear & first).names(), (Names{"layers.0.fc"}));
  EXPECT_EQ((first - linear).names(),
            (Names{"layers.0.act", "layers.0.weight_quantizer", "layers.0.bias_quantizer",
                   "layers.0.output_quantizer"}));
  EXPECT_EQ((first | linear).names(),
            (Names{"layers.0.fc", "layers.0.act", "layers.0.weight_quantizer",
                   "layers.0.bias_quantizer", "layers.0.output_quantizer", "layers.1.fc",
                   "layers.2.0", "heads.main", "heads.side 1"}));
  EXPECT_EQ((first ^ linear).names(),
            (Names{"layers.0.act", "layers.0.weight_quantizer", "layers.0.bias_quantizer",
                   "layers.0.output_quantizer", "layers.1.fc", "layers.2.0", "heads.main",
                   "heads.side 1"}));
  EXPECT_EQ(first | first, first);
  EXPECT_TRUE((first - first).empty());
  EXPECT_EQ(linear[0].name, "layers.0.fc");
  EXPECT_EQ(linear[0].key, "fc");
  EXPECT_EQ(linear[0].parent->named_children()["fc"], linear[0].module);
  EXPECT_ERROR(c10::IndexError, "MPathCollection: index 5 is out of range; there are 5 matches.",
               linear[5]);
  const ff::test::Nested other;
  EXPECT_ERROR(c10::ValueError,
               "MPathCollection: the union of collections from two models has no meaning",
               linear | mpath::search("*", other));
}

TEST(MPathCollection, Prints) {
  const ff::test::Nested model;
  std::ostringstream stream;
  stream << mpath::search("{stem, layers/1, **/[qtag:activation/input]}", model);
  EXPECT_EQ(stream.str(),
            "stem             Conv2d\n"
            "layers.1         ff::test::WideBlock\n"
            "input_quantizer  QuantizerStub\n");
}

TEST(MPathCollection, AModuleWithTwoNamesIsThereTwice) {
  torch::nn::Sequential model;
  const torch::nn::Linear shared(2, 2);
  model->push_back("a", shared);
  model->push_back("b", shared);
  EXPECT_EQ(mpath::search("[cls:Linear]", model).names(), (Names{"a", "b"}));
}

}  // namespace
