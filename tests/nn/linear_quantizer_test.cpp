#include "fastforward/nn/linear_quantizer.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <sstream>
#include <vector>

#include "fastforward/quantization/affine.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::nn::LinearQuantizer;
using ff::nn::LinearQuantizerOptions;
using ff::test::floats;
using ff::test::int8s;
using ff::test::random_data;
using ff::test::same;

LinearQuantizerOptions asymmetric(int64_t num_bits) {
  return LinearQuantizerOptions(num_bits).symmetric(false);
}

TEST(LinearQuantizer, RefusesDataBeforeItHasARange) {
  LinearQuantizer quantizer(8);
  EXPECT_FALSE(quantizer->is_initialized());
  EXPECT_FALSE(quantizer->quantization_range().has_value());
  EXPECT_ERROR(c10::ValueError,
               "LinearQuantizer: Tried to quantize a tensor using an uninitialized quantizer (of "
               "type LinearQuantizer). This quantizer is initialized after its quantization range "
               "is specified. This can be done explicitly by using set_quantization_range() or "
               "using a range setting method (ff::estimate_ranges).",
               quantizer->forward(torch::ones({2})));
}

TEST(LinearQuantizer, QuantizesWithItsRange) {
  LinearQuantizer quantizer(4);
  quantizer->set_quantization_range(-4.0, 3.5);
  EXPECT_TRUE(quantizer->is_initialized());
  EXPECT_TRUE(same(quantizer->scale, floats({0.5})));
  const torch::Tensor q = quantizer->forward(floats({-9, 0.6, 9}));
  EXPECT_TRUE(same(ff::codes(q), int8s({-8, 1, 7})));
  EXPECT_TRUE(same(q.dequantize(), floats({-4, 0.5, 3.5})));
}

TEST(LinearQuantizer, AsymmetricHasAnOffset) {
  LinearQuantizer quantizer(asymmetric(4));
  quantizer->set_quantization_range(1.0, 16.0);
  EXPECT_TRUE(same(quantizer->scale, floats({1})));
  EXPECT_TRUE(same(quantizer->offset, floats({9})));
  EXPECT_TRUE(
      same(quantizer->forward(floats({0, 1, 16, 20})).dequantize(), floats({1, 1, 16, 16})));
}

TEST(LinearQuantizer, OneSidedUsesTheWholeGrid) {
  LinearQuantizer quantizer(4);
  quantizer->set_quantization_range(0.0, 30.0);
  EXPECT_TRUE(same(quantizer->scale, floats({2})));
  EXPECT_TRUE(same(quantizer->offset, floats({8})));
  quantizer->set_quantization_range(-8.0, 7.0);
  EXPECT_TRUE(same(quantizer->scale, floats({1})));
  EXPECT_TRUE(same(quantizer->offset, floats({0}))) << "two-sided again";
  LinearQuantizer two_sided(LinearQuantizerOptions(4).allow_one_sided(false));
  two_sided->set_quantization_range(0.0, 14.0);
  EXPECT_TRUE(same(two_sided->scale, floats({2})));
  EXPECT_FALSE(two_sided->offset.defined());
}

TEST(LinearQuantizer, RangeGoesBack) {
  LinearQuantizer quantizer(asymmetric(8).granularity(ff::PerChannel(0)));
  const torch::Tensor min = floats({-1, -2, 0}), max = floats({1, 5, 3});
  quantizer->set_quantization_range(min, max);
  // float32 rounding of (code + offset) * scale.
  EXPECT_TRUE(torch::allclose(quantizer->quantization_range()->min, min, 1e-5, 1e-5));
  EXPECT_TRUE(torch::allclose(quantizer->quantization_range()->max, max, 1e-5, 1e-5));
}

TEST(LinearQuantizer, RegistersParametersAndBuffers) {
  const auto names = [](const auto& list) {
    std::vector<std::string> keys;
    for (const auto& item : list)
      keys.push_back(item.key());
    return keys;
  };
  using Names = std::vector<std::string>;
  LinearQuantizer one_sided(4), plain(LinearQuantizerOptions(4).allow_one_sided(false)),
      with_offset(asymmetric(4));
  EXPECT_EQ(names(one_sided->named_parameters()), Names{"scale"});
  EXPECT_EQ(names(one_sided->named_buffers()), Names{"offset"});
  EXPECT_EQ(names(plain->named_parameters()), Names{"scale"});
  EXPECT_EQ(names(plain->named_buffers()), Names{});
  EXPECT_EQ(names(with_offset->named_parameters()), (Names{"scale", "offset"}));
}

TEST(LinearQuantizer, ParametersKeepTheirIdentity) {
  // An optimizer made before calibration must train the calibrated parameters.
  LinearQuantizer quantizer(asymmetric(4).granularity(ff::PerChannel(0)));
  torch::optim::SGD optimizer(quantizer->parameters(), 0.1);
  quantizer->set_quantization_range(floats({-1, -2}), floats({1, 2}));
  EXPECT_TRUE(quantizer->parameters()[0].is_same(quantizer->scale));
  const torch::Tensor before = quantizer->scale.detach().clone();
  quantizer->forward(torch::full({2, 3}, 10.0F)).dequantize().sum().backward();
  optimizer.step();
  EXPECT_FALSE(torch::equal(quantizer->scale, before));
  EXPECT_TRUE(same(quantizer->scale, before - 0.1 * quantizer->scale.grad()));
  const void* memory = quantizer->scale.data_ptr();
  quantizer->set_quantization_range(floats({-3, -2}), floats({1, 2}));
  EXPECT_EQ(quantizer->scale.data_ptr(), memory) << "a range of equal size is written in place";
}

TEST(LinearQuantizer, ResetParametersForgetsTheRange) {
  LinearQuantizer quantizer(asymmetric(4).granularity(ff::PerChannel(0)));
  quantizer->set_quantization_range(floats({-1, -2}), floats({1, 2}));
  quantizer->reset_parameters();
  EXPECT_FALSE(quantizer->is_initialized());
  EXPECT_EQ(quantizer->offset.numel(), 0);
  quantizer->set_quantization_range(floats({-1, -2, -3}), floats({1, 2, 3}));
  EXPECT_EQ(quantizer->scale.numel(), 3);
}

TEST(LinearQuantizer, TrainsAfterTheNumberOfTilesHasChanged) {
  LinearQuantizer quantizer(LinearQuantizerOptions(4).granularity(ff::PerChannel(0)));
  for (const int64_t channels : {2, 3}) {
    quantizer->reset_parameters();
    quantizer->set_quantization_range(-torch::ones({channels}), torch::ones({channels}));
    quantizer->zero_grad();
    quantizer->forward(torch::ones({channels, 4})).dequantize().sum().backward();
    EXPECT_EQ(quantizer->scale.grad().numel(), channels);
  }
}

TEST(LinearQuantizer, WrongOptionsAreErrors) {
  EXPECT_ERROR(c10::ValueError, "LinearQuantizer: num_bits is 0; expected 1 to 16.",
               LinearQuantizer(0));
  EXPECT_ERROR(c10::ValueError, "LinearQuantizer: num_bits is 17", LinearQuantizer(17));
  EXPECT_ERROR(c10::ValueError, "LinearQuantizer: Char cannot hold codes of 9 bits",
               LinearQuantizer(LinearQuantizerOptions(9).quantized_dtype(torch::kChar)));
  EXPECT_ERROR(
      c10::TypeError,
      "LinearQuantizer: param_dtype is Int; expected float32, float64, bfloat16 or float16.",
      LinearQuantizer(LinearQuantizerOptions(8).param_dtype(torch::kInt)));
  EXPECT_ERROR(c10::TypeError,
               "LinearQuantizer: param_dtype is Float8_e4m3fn; expected float32, float64, bfloat16 "
               "or float16.",
               LinearQuantizer(LinearQuantizerOptions(8).param_dtype(torch::kFloat8_e4m3fn)));
}

TEST(LinearQuantizer, DataErrorsNameTheQuantizer) {
  LinearQuantizer quantizer(8);
  quantizer->set_path("conv.input");
  quantizer->set_quantization_range(-1.0, 1.0);
  EXPECT_ERROR(c10::TypeError,
               "LinearQuantizer 'conv.input': AffineQuantizationFunction: the data "
               "has type Long",
               quantizer->forward(torch::ones({2}, torch::kLong)));
  EXPECT_ERROR(c10::ValueError,
               "LinearQuantizer 'conv.input': AffineQuantizationFunction: the "
               "data of shape [2] is quantized already",
               quantizer->forward(quantizer->forward(torch::ones({2}))));
  EXPECT_ERROR(c10::ValueError, "scale is on cpu, but the data is on meta",
               quantizer->forward(torch::ones({2}, torch::kMeta)));
}

TEST(LinearQuantizer, TypesOfCodesAndParameters) {
  LinearQuantizer quantizer(
      LinearQuantizerOptions(4).quantized_dtype(torch::kInt).param_dtype(torch::kDouble));
  quantizer->set_quantization_range(-4.0, 3.5);
  EXPECT_EQ(quantizer->scale.scalar_type(), torch::kDouble);
  EXPECT_EQ(quantizer->offset.scalar_type(), torch::kDouble);
  EXPECT_EQ(ff::codes(quantizer->forward(torch::ones({2}))).scalar_type(), torch::kInt);
}

TEST(LinearQuantizer, MovesWithTheModel) {
  LinearQuantizer quantizer(8);
  quantizer->set_quantization_range(-4.0, 3.5);
  quantizer->to(torch::kDouble);
  EXPECT_EQ(quantizer->scale.scalar_type(), torch::kDouble);
  EXPECT_EQ(quantizer->offset.scalar_type(), torch::kDouble);
  EXPECT_TRUE(quantizer->scale.is_same(quantizer->named_parameters()["scale"]));
}

TEST(LinearQuantizer, SavesAndLoads) {
  LinearQuantizer quantizer(asymmetric(4).granularity(ff::PerChannel(0))),
      other(asymmetric(4).granularity(ff::PerChannel(0)));
  quantizer->set_quantization_range(floats({-1, -2}), floats({1, 3}));
  std::stringstream stream;
  torch::save(quantizer, stream);
  torch::load(other, stream);
  EXPECT_TRUE(other->is_initialized());
  EXPECT_TRUE(same(other->scale, quantizer->scale));
  const torch::Tensor data = random_data({2, 5}, 1);
  EXPECT_TRUE(same(other->forward(data).dequantize(), quantizer->forward(data).dequantize()));
}

TEST(LinearQuantizer, Prints) {
  LinearQuantizer quantizer(LinearQuantizerOptions(4).granularity(ff::PerChannel(0)));
  std::ostringstream stream;
  stream << quantizer;
  EXPECT_EQ(stream.str(),
            "LinearQuantizer(num_bits=4, symmetric=true, allow_one_sided=true, "
            "granularity=PerChannel(0), initialized=false)");
}

}  // namespace
