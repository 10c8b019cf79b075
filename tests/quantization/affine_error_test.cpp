#include <gtest/gtest.h>
#include <torch/types.h>

#include <cstdlib>
#include <iostream>
#include <limits>

#include "fastforward/quantization/affine.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::test::floats;

const float kNan = std::numeric_limits<float>::quiet_NaN();
const float kInfinity = std::numeric_limits<float>::infinity();

TEST(AffineError, ScaleThatDoesNotFitTheGranularity) {
  const torch::Tensor data = torch::ones({64, 3, 7, 7});
  EXPECT_ERROR(c10::ValueError,
               "AffineQuantizationFunction: scale has shape [3], but PerChannel(0) on data [64, 3, "
               "7, 7] needs [64]; call estimate_ranges() or set a quantization_range of 64 values.",
               ff::quantize_per_channel(data, torch::ones({3}), {}, 0));
  EXPECT_ERROR(c10::ValueError,
               "scale has shape [2], but PerTensor() on data [64, 3, 7, 7] needs [1]; call "
               "estimate_ranges() or set a quantization_range of 1 value.",
               ff::quantize_per_tensor(data, torch::ones({2})));
  EXPECT_ERROR(c10::ValueError, "offset has shape [3], but PerChannel(0)",
               ff::quantize_per_channel(data, torch::ones({64}), torch::ones({3}), 0));
  EXPECT_ERROR(c10::ValueError, "scale has shape [0], but PerTensor()",
               ff::quantize_per_tensor(data, torch::ones({0})));
}

TEST(AffineError, ScaleThatIsNoPositiveNumber) {
  const torch::Tensor data = torch::ones({4, 3});
  const auto quantize = [&](float bad) {
    return ff::quantize_per_channel(data, floats({1, bad, 1}));
  };
  EXPECT_ERROR(c10::ValueError,
               "AffineQuantizationFunction: scale[1] is 0; every scale must be finite and greater "
               "than 0. Set a quantization_range or estimate it.",
               quantize(0));
  EXPECT_ERROR(c10::ValueError, "scale[1] is -0.5; every scale", quantize(-0.5));
  EXPECT_ERROR(c10::ValueError, "scale[1] is nan; every scale", quantize(kNan));
  EXPECT_ERROR(c10::ValueError, "scale[1] is inf; every scale", quantize(kInfinity));
  EXPECT_ERROR(c10::ValueError, "scale[0] is -0.5", ff::quantize_per_tensor(data, -0.5));
}

TEST(AffineError, OffsetThatIsNotFinite) {
  const torch::Tensor data = torch::ones({4, 3});
  EXPECT_ERROR(c10::ValueError, "offset[2] is nan; expected finite values.",
               ff::quantize_per_channel(data, torch::ones({3}), floats({0, 0, kNan})));
  EXPECT_ERROR(c10::ValueError, "offset[0] is inf",
               ff::quantize_per_tensor(data, 1.0, static_cast<double>(kInfinity)));
}

TEST(AffineError, BitsOutsideOneToSixteen) {
  for (const int64_t bits : {0, 17, -1, 32}) {
    EXPECT_ERROR(c10::ValueError,
                 c10::str("AffineQuantizationFunction: num_bits is ", bits, "; expected 1 to 16."),
                 ff::quantize_per_tensor(torch::ones({2}), 1.0, {}, bits));
  }
}

TEST(AffineError, CodesThatTheTypeCannotHold) {
  const torch::Tensor data = torch::ones({2});
  const auto quantize = [&](int64_t bits, at::ScalarType type) {
    return ff::quantize_per_tensor(data, 1.0, {}, bits, type);
  };
  EXPECT_ERROR(c10::ValueError,
               "AffineQuantizationFunction: Char cannot hold codes of 9 bits, which are signed (it "
               "holds 8 bits); choose int8 up to 8 bits, int16 up to 16, or leave the type to the "
               "function.",
               quantize(9, torch::kChar));
  EXPECT_ERROR(c10::ValueError, "Byte cannot hold codes of 8 bits", quantize(8, torch::kByte));
  EXPECT_ERROR(c10::ValueError, "Bool cannot hold codes of 1 bits", quantize(1, torch::kBool));
  EXPECT_ERROR(c10::ValueError, "BFloat16 cannot hold codes of 10 bits",
               quantize(10, torch::kBFloat16));
  EXPECT_ERROR(c10::ValueError, "Half cannot hold codes of 13 bits", quantize(13, torch::kHalf));
  EXPECT_NO_THROW(quantize(9, torch::kBFloat16));
  EXPECT_NO_THROW(quantize(12, torch::kHalf));
}

TEST(AffineError, AxesAndTilesThatDoNotFit) {
  const torch::Tensor data = torch::ones({4, 3});
  EXPECT_ERROR(c10::IndexError, "axis 2 is out of range for data of shape [4, 3]",
               ff::quantize_per_channel(data, torch::ones({3}), {}, 2));
  EXPECT_ERROR(c10::ValueError, "a block of 2 does not divide axis 1",
               ff::quantize_per_block(data, torch::ones({8}), {}, 0, 1, 2));
  EXPECT_ERROR(c10::ValueError, "the tile's size 2 does not divide axis 1",
               ff::quantize_by_tile(data, torch::ones({8}), {}, {1, 2}));
  EXPECT_NO_THROW(ff::quantize_per_granularity(data, torch::ones({8}), {},
                                               ff::PerBlock(1, 2, {0}, /*strict_blocks=*/false)));
}

TEST(AffineError, DataThatIsNoFloatingPointTensor) {
  for (const auto type : {torch::kInt, torch::kLong, torch::kChar, torch::kBool}) {
    EXPECT_ERROR(c10::TypeError,
                 c10::str("AffineQuantizationFunction: the data has type ", type,
                          "; expected float32, float64, bfloat16 or float16."),
                 ff::quantize_per_tensor(torch::ones({2}, type), 1.0));
  }
}

TEST(AffineError, DataThatIsQuantizedAlready) {
  const torch::Tensor q = ff::quantize_per_tensor(torch::ones({2}), 0.5);
  EXPECT_ERROR(c10::ValueError,
               "AffineQuantizationFunction: the data of shape [2] is quantized already, with "
               "AffineQuantizationFunction(scale=0.5",
               ff::quantize_per_tensor(q, 0.5));
  EXPECT_ERROR(c10::ValueError, "is quantized already", ff::quantize_per_tensor(q, floats({0.5})));
}

TEST(AffineError, ParametersThatAreNoPlainFloatTensors) {
  const torch::Tensor data = torch::ones({2});
  const torch::Tensor q = ff::quantize_per_tensor(torch::ones({1}), 0.5);
  EXPECT_ERROR(c10::TypeError, "scale has type Int; expected a plain tensor of type float32",
               ff::quantize_per_tensor(data, torch::ones({1}, torch::kInt)));
  EXPECT_ERROR(c10::TypeError, "scale has type Float and is quantized",
               ff::quantize_per_tensor(data, q));
  EXPECT_ERROR(c10::TypeError, "scale is an undefined tensor",
               ff::quantize_per_tensor(data, torch::Tensor()));
}

TEST(AffineError, TensorsOnTwoDevices) {
  const torch::Tensor data = torch::ones({2});
  EXPECT_ERROR(c10::ValueError,
               "AffineQuantizationFunction: scale is on meta, but the data is on cpu; move one of "
               "them with to(device).",
               ff::quantize_per_tensor(data, torch::ones({1}, torch::kMeta)));
  EXPECT_ERROR(c10::ValueError, "offset is on meta, but the data is on cpu",
               ff::quantize_per_tensor(data, torch::ones({1}), torch::ones({1}, torch::kMeta)));
}

TEST(AffineError, AttachedParametersAreCheckedWhenTheyAreUsed) {
  const auto attach = [](const torch::Tensor& scale) {
    return ff::AffineQuantizationFunction::attach(ff::test::int8s({1, 2}), scale, std::nullopt,
                                                  ff::PerChannel(0), 8);
  };
  EXPECT_ERROR(c10::ValueError, "scale has shape [3], but PerChannel(0) on data [2] needs [2]",
               attach(torch::ones({3})).dequantize());
  EXPECT_ERROR(c10::ValueError, "scale[1] is 0", attach(floats({1, 0})).dequantize());
}

TEST(AffineErrorDeathTest, UnknownInstructionSetNamesTheOnesThereAre) {
  // In a process of its own: the choice is made once.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        setenv("FF_ISA", "sse9", 1);
        try {
          ff::quantize_per_tensor(torch::ones({2}), 0.5);
        } catch (const c10::ValueError& error) {
          std::cerr << error.what_without_backtrace() << std::endl;
          std::_Exit(3);
        }
        std::_Exit(0);
      },
      testing::ExitedWithCode(3),
      "FF_ISA=sse9: this build and processor have kernels for: .*scalar; set FF_ISA to one of them "
      "or unset it.");
}

TEST(AffineError, Float8IsNoTypeOfDataOrParameters) {
  const torch::Tensor data = torch::ones({2}), small = data.to(torch::kFloat8_e4m3fn);
  EXPECT_ERROR(c10::TypeError,
               "AffineQuantizationFunction: the data has type Float8_e4m3fn; expected float32, "
               "float64, bfloat16 or float16. Convert it with to(torch::kFloat).",
               ff::quantize_per_tensor(small, 0.5));
  EXPECT_ERROR(c10::TypeError,
               "AffineQuantizationFunction: scale has type Float8_e4m3fn; expected a plain tensor "
               "of type float32, float64, bfloat16 or float16.",
               ff::quantize_per_channel(data, small, {}, 0));
  EXPECT_ERROR(c10::TypeError, "offset has type Float8_e4m3fn",
               ff::quantize_per_channel(data, data, small, 0));
}

TEST(AffineError, SparseTensors) {
  const torch::Tensor data = torch::ones({2, 2});
  EXPECT_ERROR(c10::TypeError,
               "AffineQuantizationFunction: the data has layout Sparse; expected a strided tensor. "
               "Convert it with to_dense().",
               ff::quantize_per_tensor(data.to_sparse(), 0.5));
  EXPECT_ERROR(c10::TypeError,
               "AffineQuantizationFunction: scale has layout Sparse; expected a strided tensor. "
               "Convert it with to_dense().",
               ff::quantize_per_channel(data, torch::ones({2}).to_sparse(), {}, 0));
}

}  // namespace
