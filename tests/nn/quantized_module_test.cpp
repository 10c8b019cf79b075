#include "fastforward/nn/quantized_module.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <memory>
#include <set>
#include <sstream>
#include <string>

#include "fastforward/dispatch/strict.h"
#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/named_quantizers.h"
#include "fastforward/nn/quantizer_stub.h"
#include "fastforward/nn/replace_quantizer.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::nn::DynamicLinearQuantizer;
using ff::nn::LinearQuantizer;
using ff::nn::LinearQuantizerImpl;
using ff::nn::LinearQuantizerOptions;
using ff::nn::QuantizerImpl;
using ff::nn::QuantizerMetadata;
using ff::nn::replace_quantizer;
using ff::test::floats;
using ff::test::random_data;
using ff::test::same;

// A module as a user writes it.
struct ScaleImpl : torch::nn::Cloneable<ScaleImpl>, ff::nn::QuantizedModule {
  ScaleImpl() {
    reset();
  }
  void reset() override {
    factor = register_parameter("factor", torch::ones({3}));
    register_quantizer("weight_quantizer", QuantizerMetadata({"parameter/weight"}, {{3}}));
    register_quantizer("output_quantizer", QuantizerMetadata({"activation/output"}));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    const ff::StrictGuard relaxed(false);
    return quantizer("output_quantizer")(x * quantizer("weight_quantizer")(factor));
  }
  torch::Tensor factor;
};
TORCH_MODULE(Scale);

// Two of them as members of a model of the user's own.
struct ModelImpl : torch::nn::Cloneable<ModelImpl> {
  ModelImpl() {
    reset();
  }
  void reset() override {
    first = register_module("first", Scale());
    second = register_module("second", Scale());
  }
  torch::Tensor forward(const torch::Tensor& x) {
    const torch::Tensor y = first(x);
    return second(ff::is_quantized(y) ? y.dequantize() : y);
  }
  Scale first = nullptr, second = nullptr;
};
TORCH_MODULE(Model);

LinearQuantizer per_channel() {
  LinearQuantizer quantizer(LinearQuantizerOptions(4).granularity(ff::PerChannel(0)));
  quantizer->set_quantization_range(floats({-1, -2, -3}), floats({1, 2, 3}));
  return quantizer;
}

TEST(QuantizedModule, BeginsWithStubs) {
  Scale scale;
  EXPECT_EQ(scale->quantizer_names(),
            (std::set<std::string>{"output_quantizer", "weight_quantizer"}));
  EXPECT_TRUE(scale->has_quantizer("weight_quantizer"));
  EXPECT_FALSE(scale->has_quantizer("input_quantizer"));
  const auto stub = scale->quantizer("weight_quantizer");
  EXPECT_NE(stub->as<ff::nn::QuantizerStub>(), nullptr);
  EXPECT_TRUE(stub->metadata().has_tag("parameter"));
  EXPECT_EQ(stub->metadata().shape(), (std::vector<int64_t>{3}));
  const torch::Tensor x = random_data({2, 3}, 1);
  EXPECT_TRUE(same(scale->forward(x), x));
}

TEST(QuantizedModule, ForwardUsesWhatIsRegisteredNow) {
  Scale scale;
  const torch::Tensor x = random_data({2, 3}, 1);
  replace_quantizer(*scale, "weight_quantizer", per_channel());
  EXPECT_TRUE(same(scale->forward(x), x * per_channel()(torch::ones({3})).dequantize()));
  scale->replace_module("output_quantizer", DynamicLinearQuantizer(8));
  EXPECT_TRUE(ff::is_quantized(scale->forward(x))) << "LibTorch's own replace_module";
}

TEST(QuantizedModule, NamesWhatItHas) {
  Scale scale;
  EXPECT_ERROR(c10::ValueError,
               "Scale has no quantizer 'weight'; it has: output_quantizer, weight_quantizer.",
               scale->quantizer("weight"));
  Model model;
  ff::nn::named_quantizers(model);
  EXPECT_ERROR(c10::ValueError, "Scale 'second' has no quantizer 'weight'",
               model->second->quantizer("weight"));
  EXPECT_EQ(model->first->quantizer("output_quantizer")->path(), "first.output_quantizer");
}

TEST(QuantizedModule, ClonesHaveTheQuantizersOfTheOriginal) {
  Scale scale;
  replace_quantizer(*scale, "weight_quantizer", per_channel());
  const auto copy = std::dynamic_pointer_cast<ScaleImpl>(scale->clone());
  ASSERT_NE(copy, nullptr);
  auto quantizer = copy->quantizer("weight_quantizer");
  ASSERT_NE(quantizer->as<LinearQuantizer>(), nullptr);
  EXPECT_NE(quantizer.ptr(), scale->quantizer("weight_quantizer").ptr());
  EXPECT_TRUE(quantizer->metadata().has_tag("parameter/weight"));
  const torch::Tensor x = random_data({2, 3}, 1);
  const torch::Tensor before = scale->forward(x);
  EXPECT_TRUE(same(copy->forward(x), before));

  quantizer->as<LinearQuantizer>()->set_quantization_range(floats({-9, -9, -9}), floats({9, 9, 9}));
  EXPECT_TRUE(same(scale->forward(x), before)) << "the copy lives alone";
  replace_quantizer(*copy, "weight_quantizer", ff::nn::QuantizerStub());
  EXPECT_TRUE(same(copy->forward(x), x));
}

TEST(QuantizedModule, ClonesInsideModelsOfTheUsersOwn) {
  Model model;
  replace_quantizer(*model->first, "weight_quantizer", per_channel());
  replace_quantizer(*model->second, "output_quantizer", DynamicLinearQuantizer(3));
  const torch::Tensor x = random_data({2, 3}, 1);
  const torch::Tensor before = model->forward(x).dequantize();
  // Twice, so that a clone is cloned too.
  const auto once = model->clone();
  const auto copy = std::dynamic_pointer_cast<ModelImpl>(once->clone());
  EXPECT_EQ(copy->named_parameters().keys(), model->named_parameters().keys());
  EXPECT_TRUE(same(copy->forward(x).dequantize(), before));

  // What the members see is what is registered.
  for (const auto& [path, quantizer] : ff::nn::named_quantizers(*copy)) {
    if (auto* linear = quantizer->as<LinearQuantizerImpl>())
      linear->set_quantization_range(floats({-9, -9, -9}), floats({9, 9, 9}));
  }
  EXPECT_FALSE(torch::equal(copy->forward(x).dequantize(), before));
  EXPECT_TRUE(same(model->forward(x).dequantize(), before));
  replace_quantizer(*copy->second, "output_quantizer", ff::nn::QuantizerStub());
  EXPECT_FALSE(ff::is_quantized(copy->forward(x)));
}

TEST(QuantizedModule, CopiesAndAssignmentsShareTheQuantizers) {
  Scale scale;
  replace_quantizer(*scale, "weight_quantizer", per_channel());
  ScaleImpl copy = *scale;
  EXPECT_EQ(copy.quantizer("weight_quantizer").ptr(), scale->quantizer("weight_quantizer").ptr());
  ScaleImpl assigned;
  assigned = copy;
  EXPECT_EQ(assigned.quantizer("weight_quantizer").ptr(),
            scale->quantizer("weight_quantizer").ptr());
  replace_quantizer(assigned, "weight_quantizer", ff::nn::QuantizerStub());
  const torch::Tensor x = random_data({2, 3}, 1);
  EXPECT_TRUE(same(assigned.forward(x), x));
  EXPECT_FALSE(torch::equal(copy.forward(x), x));
  torch::nn::Sequential model(std::move(copy));
  EXPECT_TRUE(same(model->forward(x), scale->forward(x)));
}

TEST(QuantizedModule, StateIsSavedUnderItsNames) {
  Scale scale;
  replace_quantizer(*scale, "weight_quantizer", per_channel());
  EXPECT_EQ(scale->named_parameters().keys(),
            (std::vector<std::string>{"factor", "weight_quantizer.scale"}));
}

TEST(QuantizedModule, ModulesOfQuantizersOnly) {
  struct Lonely : ff::nn::QuantizedModule {};
  const Lonely lonely;
  EXPECT_ERROR(c10::TypeError,
               "derives from ff::nn::QuantizedModule, but not from torch::nn::Module; derive it "
               "from torch::nn::Cloneable with its own type as well.",
               lonely.quantizer("a"));
}

// Registers a quantizer of its own type from the start.
struct PresetImpl : torch::nn::Cloneable<PresetImpl>, ff::nn::QuantizedModule {
  explicit PresetImpl(ff::nn::Quantizer first) : first(std::move(first)) {
    reset();
  }
  void reset() override {
    register_quantizer("input_quantizer", first);
  }
  ff::nn::Quantizer first;
};

TEST(QuantizedModule, RegistersAnyQuantizer) {
  const auto preset = std::make_shared<PresetImpl>(per_channel());
  EXPECT_NE(preset->quantizer("input_quantizer")->as<LinearQuantizer>(), nullptr);
  const auto copy = std::dynamic_pointer_cast<PresetImpl>(preset->clone());
  EXPECT_NE(copy->quantizer("input_quantizer").ptr(), preset->first.ptr());
  EXPECT_ERROR(c10::ValueError,
               "Preset: register_quantizer('input_quantizer') got an empty quantizer; give a "
               "QuantizerStub for a place to fill later.",
               PresetImpl(ff::nn::Quantizer(nullptr)));
}

}  // namespace
