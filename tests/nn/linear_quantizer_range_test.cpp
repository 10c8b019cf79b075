#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <limits>

#include "fastforward/nn/linear_quantizer.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::nn::LinearQuantizer;
using ff::nn::LinearQuantizerOptions;
using ff::test::floats;
using ff::test::same;

TEST(LinearQuantizerRange, WrongRangesAreErrors) {
  LinearQuantizer quantizer(8);
  quantizer->set_path("layer1.weight");
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_ERROR(c10::ValueError,
               "LinearQuantizer 'layer1.weight': parameters_for_range: min[0] is 2, greater than "
               "max[0], which is 1",
               quantizer->set_quantization_range(2.0, 1.0));
  EXPECT_ERROR(c10::ValueError,
               "LinearQuantizer 'layer1.weight': parameters_for_range: min[0] is "
               "nan",
               quantizer->set_quantization_range(floats({nan}), floats({1})));
  EXPECT_ERROR(c10::ValueError, "max[0] is inf",
               quantizer->set_quantization_range(0, std::numeric_limits<double>::infinity()));
  EXPECT_ERROR(c10::ValueError,
               "the quantization_range has 2 values, but PerTensor() needs 1 value; give one min "
               "and one max for each tile.",
               quantizer->set_quantization_range(floats({0, 0}), floats({1, 1})));
  EXPECT_ERROR(c10::ValueError,
               "LinearQuantizer 'layer1.weight': Tried to set quantization range with a single "
               "value. A 2-tuple is expected",
               quantizer->set_quantization_range({floats({1})}));
  EXPECT_ERROR(c10::ValueError,
               "Tried to set quantization range with 3-tuple. A 2-tuple is expected",
               quantizer->set_quantization_range({floats({0}), floats({1}), floats({2})}));
  EXPECT_ERROR(c10::TypeError, "the quantization_range has an undefined tensor; give one min",
               quantizer->set_quantization_range(torch::Tensor(), torch::Tensor()));
  EXPECT_FALSE(quantizer->is_initialized()) << "nothing was set";
}

TEST(LinearQuantizerRange, TheNumberOfTilesStays) {
  LinearQuantizer quantizer(LinearQuantizerOptions(8).granularity(ff::PerChannel(0)));
  EXPECT_ERROR(c10::ValueError, "the quantization_range has 0 values",
               quantizer->set_quantization_range(floats({}), floats({})));
  quantizer->set_quantization_range(floats({-1, -1}), floats({1, 1}));
  EXPECT_ERROR(
      c10::ValueError,
      "the quantization_range has 3 values, but PerChannel(0) has 2 since its first range; "
      "call reset_parameters() to change the number.",
      quantizer->set_quantization_range(floats({-1, -1, -1}), floats({1, 1, 1})));
  EXPECT_ERROR(c10::ValueError, "scale has shape [2], but PerChannel(0) on data [3, 4] needs [3]",
               quantizer->forward(torch::ones({3, 4})));
}

TEST(LinearQuantizerRange, OperatorForRangeLeavesTheQuantizerAlone) {
  LinearQuantizer quantizer(4);
  quantizer->set_quantization_range(-4.0, 3.5);
  const auto quantize = quantizer->operator_for_range(floats({-8}), floats({7}), {3});
  EXPECT_TRUE(same(quantize(floats({-9, 0.6, 9})).dequantize(), floats({-8, 1, 7})));
  EXPECT_TRUE(same(quantizer->scale, floats({0.5})));
  quantizer->set_quantization_range(-1.0, 1.0);
  EXPECT_TRUE(same(quantize(floats({-9})).dequantize(), floats({-8})));
}

TEST(LinearQuantizerRange, OneSidedPerTile) {
  LinearQuantizer quantizer(
      LinearQuantizerOptions(4).granularity(ff::PerChannel(0)).one_sided_per_tile(true));
  quantizer->set_quantization_range(floats({-8, 0}), floats({7, 30}));
  EXPECT_TRUE(same(quantizer->scale, floats({1, 2})));
  EXPECT_TRUE(same(quantizer->offset, floats({0, 8})));
}

TEST(LinearQuantizerRange, RangesAreNotRoundedToTheTypeOfTheParameters) {
  LinearQuantizer quantizer(LinearQuantizerOptions(8).param_dtype(torch::kHalf));
  quantizer->set_quantization_range(-1e5, 1e5);
  EXPECT_TRUE(same(quantizer->scale, floats({1e5F / 127}).to(torch::kHalf)));
}

TEST(LinearQuantizerRange, ParametersMustFitTheirType) {
  const auto half = [](bool symmetric) {
    return LinearQuantizer(
        LinearQuantizerOptions(8).symmetric(symmetric).param_dtype(torch::kHalf));
  };
  LinearQuantizer quantizer = half(true);
  quantizer->set_path("a");
  quantizer->set_quantization_range(-1.0, 1.0);
  const torch::Tensor before = quantizer->scale.detach().clone();
  EXPECT_ERROR(c10::ValueError,
               "LinearQuantizer 'a': the quantization_range needs scale[0] = 7.87402e-10, which is "
               "0 in the param_dtype Half; choose a wider param_dtype, such as torch::kFloat.",
               quantizer->set_quantization_range(-1e-7, 1e-7));
  EXPECT_ERROR(c10::ValueError, "which is inf in the param_dtype Half",
               quantizer->set_quantization_range(-1e8, 1e8));
  EXPECT_TRUE(same(quantizer->scale, before)) << "nothing was set";
  LinearQuantizer with_offset = half(false);
  EXPECT_ERROR(c10::ValueError, "the quantization_range needs offset[0] = 255128, which is inf",
               with_offset->set_quantization_range(1000.0, 1001.0));
  EXPECT_FALSE(with_offset->is_initialized());
  EXPECT_EQ(with_offset->offset.numel(), 0);
}

TEST(LinearQuantizerRange, EndsBeyondFloat32AreNamedAsGiven) {
  LinearQuantizer quantizer(8);
  EXPECT_ERROR(c10::ValueError,
               "LinearQuantizer: parameters_for_range: min[0] is -1e+300, beyond the largest "
               "float32 value 3.40282e+38; ranges are float32, scale the data down.",
               quantizer->set_quantization_range(-1e300, 1.0));
}

TEST(LinearQuantizerRange, TrainsAfterCalibrationInInferenceMode) {
  for (const bool again : {false, true}) {
    LinearQuantizer quantizer(LinearQuantizerOptions(4).symmetric(false));
    {
      const c10::InferenceMode inference;
      if (again) {
        quantizer->set_quantization_range(-2.0, 2.0);
        quantizer->reset_parameters();
      }
      quantizer->set_quantization_range(-1.0, 1.0);
    }
    EXPECT_FALSE(quantizer->scale.is_inference());
    quantizer->forward(torch::ones({2})).dequantize().sum().backward();
    EXPECT_TRUE(quantizer->scale.grad().defined());
    EXPECT_TRUE(quantizer->offset.grad().defined());
  }
}

}  // namespace
