#include "fastforward/model/mpath_fragment.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fastforward/model/mpath.h"
#include "model/mpath_model.h"
#include "support/expect_error.h"

namespace {

namespace mpath = ff::mpath;
using Names = std::vector<std::string>;

TEST(MPathFragment, ClassesOfYourOwn) {
  const ff::test::Nested model;
  // Not registered: by its own type, not by those derived from it.
  EXPECT_EQ(mpath::search("**/[cls:Block]", model).names(), (Names{"layers.0"}));
  {
    const auto registration = mpath::register_class<ff::test::BlockImpl>("Block");
    EXPECT_EQ(mpath::search("**/[cls:Block]", model).names(), (Names{"layers.0", "layers.1"}));
    EXPECT_ERROR(c10::ValueError, "mpath: there is a class 'Block' already",
                 mpath::register_class<ff::test::WideBlockImpl>("Block"));
  }
  EXPECT_EQ(mpath::search("**/[cls:Block]", model).names(), (Names{"layers.0"}));
}

TEST(MPathFragment, ClassesThatNobodyKnowsAreErrors) {
  const ff::test::Nested model;
  const char* const text =
      "names the class Linaer, which is neither registered (register_class) nor the class of a "
      "module in the model, which has Conv2d, Linear, ModuleDict, ModuleList, QuantizerStub, ReLU, "
      "Sequential, Tanh, ff::test::Block, ff::test::WideBlock.";
  EXPECT_ERROR(c10::ValueError, text, mpath::search("**/[cls:Linaer]", model));
  EXPECT_ERROR(c10::ValueError, text, mpath::search("{a, ~[cls:Linaer]}", model));
}

TEST(MPathFragment, FragmentsOfYourOwn) {
  const ff::test::Nested model;
  const auto longer = [](const std::string& text) {
    const size_t length = std::stoul(text);
    return mpath::predicate(
        "longer than " + text,
        [=](const std::string& name, const mpath::Node&) { return name.size() > length; });
  };
  {
    const auto registration = mpath::register_fragment("longer", longer);
    EXPECT_EQ(mpath::search("[longer:5]", model).names(), (Names{"layers", "input_quantizer"}));
    EXPECT_EQ(mpath::query("a/[longer:5]").str(), "a/<longer than 5>");
    EXPECT_ERROR(c10::ValueError, "mpath: there is a fragment [longer:...] already",
                 mpath::register_fragment("longer", longer));
  }
  EXPECT_ERROR(c10::ValueError, "expected one of the fragments", mpath::query("[longer:5]"));
  EXPECT_ERROR(c10::ValueError, "mpath: 'a b' is no tag of a fragment",
               mpath::register_fragment("a b", longer));
  const auto none =
      mpath::register_fragment("none", [](const std::string&) { return mpath::FragmentPtr(); });
  EXPECT_ERROR(c10::ValueError, "character 7: the factory of [none:...] gave no fragment.",
               mpath::query("[none:]"));
}

}  // namespace
