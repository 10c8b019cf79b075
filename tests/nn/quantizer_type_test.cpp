#include "fastforward/nn/quantizer_type.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/quantizer_stub.h"
#include "support/expect_error.h"

namespace {

using ff::nn::find_quantizer_type;
using ff::nn::LinearQuantizer;
using ff::nn::LinearQuantizerImpl;
using ff::nn::LinearQuantizerOptions;
using ff::nn::QuantizerSettings;
using ff::nn::register_quantizer_type;

const LinearQuantizerOptions& remade(const LinearQuantizer& quantizer, ff::nn::Quantizer& keep) {
  const auto type = find_quantizer_type(*quantizer);
  keep = type->make(type->settings(*quantizer));
  return dynamic_cast<LinearQuantizerImpl&>(*keep).options;
}

TEST(QuantizerType, BuiltInTypesAreKnown) {
  for (const char* name : {"DynamicLinearQuantizer", "LinearQuantizer", "QuantizerStub"})
    EXPECT_EQ(find_quantizer_type(name)->name, name);
  EXPECT_FALSE(find_quantizer_type("linear").has_value());
  EXPECT_EQ(find_quantizer_type(*ff::nn::QuantizerStub())->name, "QuantizerStub");
  EXPECT_EQ(find_quantizer_type(*ff::nn::DynamicLinearQuantizer(8))->name,
            "DynamicLinearQuantizer");
}

TEST(QuantizerType, SettingsMakeTheSameQuantizerAgain) {
  for (const ff::Granularity& granularity :
       {ff::Granularity(ff::PerTensor()), ff::Granularity(ff::PerChannel({1, -1})),
        ff::Granularity(ff::PerTile({2, 3})),
        ff::Granularity(ff::PerBlock({1}, {32}, {0}, false))}) {
    ff::nn::Quantizer keep = nullptr;
    const LinearQuantizer quantizer(LinearQuantizerOptions(5)
                                        .symmetric(false)
                                        .allow_one_sided(false)
                                        .one_sided_per_tile(true)
                                        .granularity(granularity)
                                        .quantized_dtype(torch::kInt)
                                        .param_dtype(torch::kBFloat16));
    const LinearQuantizerOptions& options = remade(quantizer, keep);
    EXPECT_EQ(options.num_bits(), 5);
    EXPECT_FALSE(options.symmetric());
    EXPECT_FALSE(options.allow_one_sided());
    EXPECT_TRUE(options.one_sided_per_tile());
    EXPECT_EQ(options.granularity(), granularity);
    EXPECT_EQ(options.quantized_dtype(), torch::kInt);
    EXPECT_EQ(options.param_dtype(), torch::kBFloat16);
  }
}

TEST(QuantizerType, SettingsThatAreLeftOutAreTheOptionsDefaults) {
  auto quantizer = find_quantizer_type("LinearQuantizer")->make({{"num_bits", int64_t{7}}});
  const auto& options = dynamic_cast<LinearQuantizerImpl&>(*quantizer).options;
  const LinearQuantizerOptions defaults(7);
  EXPECT_EQ(options.symmetric(), defaults.symmetric());
  EXPECT_EQ(options.allow_one_sided(), defaults.allow_one_sided());
  EXPECT_EQ(options.granularity(), defaults.granularity());
  EXPECT_EQ(options.quantized_dtype(), defaults.quantized_dtype());
  EXPECT_EQ(options.param_dtype(), defaults.param_dtype());
}

TEST(QuantizerType, WrongSettingsAreNamed) {
  const auto type = find_quantizer_type("LinearQuantizer");
  const auto expect = [&](QuantizerSettings settings, const std::string& part) {
    EXPECT_ERROR(c10::ValueError, part, type->make(settings));
  };
  expect({}, "LinearQuantizer: the setting 'num_bits' is missing.");
  expect({{"num_bits", 8.0}},
         "LinearQuantizer: the setting 'num_bits' is 8.; expected an integer.");
  expect({{"num_bits", int64_t{17}}}, "num_bits");
  expect({{"num_bits", int64_t{8}}, {"bits", int64_t{8}}}, "unknown setting 'bits'; known are ");
  expect({{"num_bits", int64_t{8}}, {"tile", std::vector<int64_t>{2}}}, "unknown setting 'tile'");
  expect({{"num_bits", int64_t{8}}, {"granularity", "per_row"}},
         "expected per_tensor, per_channel, per_tile or per_block");
  expect({{"num_bits", int64_t{8}}, {"param_dtype", "float8"}}, "expected one of int8, uint8,");
  EXPECT_ERROR(c10::ValueError, "QuantizerStub: unknown setting 'x'; known are none.",
               find_quantizer_type("QuantizerStub")->make({{"x", true}}));
}

struct OtherImpl : LinearQuantizerImpl {
  using LinearQuantizerImpl::LinearQuantizerImpl;
};

TEST(QuantizerType, NameAndTypeAreRegisteredOnce) {
  const auto settings = [](const LinearQuantizerImpl&) { return QuantizerSettings(); };
  const auto make = [](const QuantizerSettings&) {
    return std::make_shared<LinearQuantizerImpl>(8);
  };
  EXPECT_ERROR(c10::ValueError, "LinearQuantizerImpl is known as 'LinearQuantizer' already",
               register_quantizer_type<LinearQuantizerImpl>("Other", settings, make));
  EXPECT_ERROR(c10::ValueError, "the name 'QuantizerStub' is taken by ff::nn::QuantizerStubImpl",
               register_quantizer_type<OtherImpl>("QuantizerStub", settings, make));
  EXPECT_ERROR(c10::ValueError, "has no name",
               register_quantizer_type<LinearQuantizerImpl>("", settings, make));
}

}  // namespace
