#include "fastforward/nn/quantized_linear.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <sstream>

#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "nn/layer_checks.h"
#include "support/expect_error.h"

namespace {

using ff::nn::DynamicLinearQuantizer;
using ff::nn::QuantizedLinear;
using ff::nn::replace_quantizer;
using ff::test::expect_twin_of;
using ff::test::random_data;
using torch::nn::Linear;
using torch::nn::LinearOptions;

TEST(QuantizedLinear, IsATwinOfLinear) {
  expect_twin_of<QuantizedLinear>(Linear(5, 3), random_data({4, 5}, 1));
  expect_twin_of<QuantizedLinear>(Linear(LinearOptions(5, 3).bias(false)), random_data({4, 5}, 1));
  expect_twin_of<QuantizedLinear>(Linear(5, 3), random_data({2, 4, 5}, 1));
  expect_twin_of<QuantizedLinear>(Linear(5, 3), random_data({5}, 1));
}

TEST(QuantizedLinear, HasLibTorchsConstructors) {
  EXPECT_EQ(QuantizedLinear(5, 3)->weight.sizes(), (std::vector<int64_t>{3, 5}));
  const QuantizedLinear unbiased(LinearOptions(5, 3).bias(false));
  EXPECT_FALSE(unbiased->bias.defined());
  EXPECT_FALSE(unbiased->has_quantizer("bias_quantizer"));
  EXPECT_ERROR(c10::ValueError,
               "QuantizedLinear has no quantizer 'bias_quantizer'; it has: input_quantizer, "
               "output_quantizer, weight_quantizer.",
               unbiased->bias_quantizer());
}

TEST(QuantizedLinear, PlacesHaveTagsAndShapes) {
  const QuantizedLinear linear(5, 3);
  EXPECT_TRUE(linear->input_quantizer()->metadata().has_tag("activation/input"));
  EXPECT_TRUE(linear->weight_quantizer()->metadata().has_tag("parameter/weight"));
  EXPECT_TRUE(linear->bias_quantizer()->metadata().has_tag("parameter/bias"));
  EXPECT_TRUE(linear->output_quantizer()->metadata().has_tag("activation/output"));
  EXPECT_EQ(linear->weight_quantizer()->metadata().shape(), (std::vector<int64_t>{3, 5}));
  EXPECT_EQ(linear->bias_quantizer()->metadata().shape(), (std::vector<int64_t>{3}));
  EXPECT_EQ(linear->named_children().keys(),
            (std::vector<std::string>{"input_quantizer", "weight_quantizer", "bias_quantizer",
                                      "output_quantizer"}));
}

TEST(QuantizedLinear, TakesOverAPlainLayer) {
  Linear plain(5, 3);
  plain->weight.set_requires_grad(false);
  plain->eval();
  EXPECT_EQ(plain->name(), "torch::nn::LinearImpl") << "LibTorch remembers the name from now on";
  const QuantizedLinear linear(*plain);
  EXPECT_TRUE(linear->weight.is_same(plain->weight));
  EXPECT_TRUE(linear->parameters()[1].is_same(plain->bias));
  EXPECT_FALSE(linear->weight.requires_grad());
  EXPECT_FALSE(linear->is_training());
  EXPECT_EQ(linear->name(), "ff::nn::QuantizedLinearImpl");
  EXPECT_NE(dynamic_cast<torch::nn::LinearImpl*>(linear.ptr().get()), nullptr);
}

TEST(QuantizedLinear, PrintsItsType) {
  std::ostringstream stream;
  stream << *QuantizedLinear(LinearOptions(5, 3).bias(false));
  EXPECT_EQ(stream.str().substr(0, stream.str().find('\n')),
            "ff::nn::QuantizedLinear(in_features=5, out_features=3, bias=false)(");
}

TEST(QuantizedLinear, StrictModeNamesWhatIsNotQuantized) {
  const torch::Tensor x = random_data({4, 5}, 1);
  torch::nn::Sequential model({{"fc", torch::nn::AnyModule(QuantizedLinear(5, 3))}});
  EXPECT_ERROR(c10::TypeError,
               "QuantizedLinear: strict quantization: linear got a plain tensor of shape [4, 5] as "
               "'input'. Quantize it before (a QuantizerStub in a layer does not), or let plain "
               "tensors pass with ff::StrictGuard relaxed(false).",
               model->forward(x));
  ff::nn::named_quantizers(model);
  auto& fc = *model[0];
  replace_quantizer(fc, "input_quantizer", DynamicLinearQuantizer(8));
  EXPECT_ERROR(c10::TypeError,
               "QuantizedLinear 'fc': strict quantization: linear got a plain tensor of shape [3, "
               "5] as 'weight'.",
               model->forward(x));
  replace_quantizer(fc, "weight_quantizer", DynamicLinearQuantizer(8));
  EXPECT_ERROR(c10::TypeError,
               "QuantizedLinear 'fc': strict quantization: the output of linear, of shape [4, 3], "
               "is a plain tensor: QuantizerStub 'fc.output_quantizer' as output_quantizer did not "
               "quantize it.",
               model->forward(x));
  replace_quantizer(fc, "output_quantizer", DynamicLinearQuantizer(8));
  EXPECT_TRUE(ff::is_quantized(model->forward(x))) << "the bias may stay plain";
}

TEST(QuantizedLinear, ErrorsInsideNameTheLayer) {
  QuantizedLinear linear(5, 3);
  linear->set_path("net.fc");
  const ff::StrictGuard relaxed(false);
  EXPECT_ERROR(c10::Error, "QuantizedLinear 'net.fc': ", linear->forward(torch::ones({2, 4})));
  EXPECT_ERROR(c10::Error, "mat1 and mat2 shapes cannot be multiplied",
               linear->forward(torch::ones({2, 4})));
  replace_quantizer(*linear, "weight_quantizer", ff::nn::LinearQuantizer(8));
  EXPECT_ERROR(c10::ValueError,
               "QuantizedLinear 'net.fc': LinearQuantizer: Tried to quantize a tensor using an "
               "uninitialized quantizer",
               linear->forward(torch::ones({2, 5})));
}

// A class of the user's own that adds to the layer.
class SpecialLinearImpl : public ff::nn::QuantizedLinearImpl {
 public:
  SpecialLinearImpl() : QuantizedLinearImpl(2, 2) {}
  int more = 5;
};

TEST(QuantizedLinear, CloneDoesNotSlice) {
  const auto special = std::make_shared<SpecialLinearImpl>();
  EXPECT_ERROR(c10::TypeError,
               "clone: SpecialLinear is derived from a layer whose clone() copies that layer only; "
               "derive it from ff::nn::QuantizedLayer with its own type, or override clone().",
               special->clone());
}

struct ModelImpl : torch::nn::Cloneable<ModelImpl> {
  ModelImpl() {
    reset();
  }
  void reset() override {
    fc = register_module("fc", QuantizedLinear(5, 3));
  }
  QuantizedLinear fc = nullptr;
};

TEST(QuantizedLinear, ClonesInsideAModelOfTheUsersOwn) {
  ModelImpl model;
  const torch::Tensor x = random_data({4, 5}, 1);
  ff::test::calibrated(model.fc.ptr(), x);
  model.fc->weight.set_requires_grad(false);
  auto copy = std::dynamic_pointer_cast<ModelImpl>(model.clone());
  EXPECT_TRUE(ff::test::same(copy->fc->forward(x).dequantize(), model.fc->forward(x).dequantize()));
  EXPECT_FALSE(copy->fc->weight.requires_grad());
  EXPECT_TRUE(copy->fc->weight.is_same(copy->named_parameters()["fc.weight"]));
  replace_quantizer(*copy->fc, "output_quantizer", DynamicLinearQuantizer(2));
  EXPECT_FALSE(torch::equal(copy->fc->forward(x).dequantize(), model.fc->forward(x).dequantize()));
}

TEST(QuantizedLinear, StatesWithStubsLoadIntoPlainLayers) {
  const QuantizedLinear quantized(5, 3);
  Linear plain(5, 3);
  std::stringstream state;
  torch::save(quantized, state);
  torch::load(plain, state);
  EXPECT_TRUE(ff::test::same(plain->weight, quantized->weight));
}

}  // namespace
