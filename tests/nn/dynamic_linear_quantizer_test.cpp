#include "fastforward/nn/dynamic_linear_quantizer.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <limits>
#include <memory>
#include <sstream>

#include "fastforward/quantization/affine_dynamic.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::nn::DynamicLinearQuantizer;
using ff::nn::DynamicLinearQuantizerImpl;
using ff::nn::DynamicLinearQuantizerOptions;
using ff::test::floats;
using ff::test::int8s;
using ff::test::random_data;
using ff::test::same;

TEST(DynamicLinearQuantizer, TakesTheRangeOfEachBatch) {
  DynamicLinearQuantizer quantizer(4);
  // Steps of 1 from -1 to 14, then of 2 from 0 to 30.
  EXPECT_TRUE(same(ff::codes(quantizer->forward(floats({-1, 3, 14}))), int8s({-8, -4, 7})));
  EXPECT_TRUE(same(ff::codes(quantizer->forward(floats({0, 30}))), int8s({-8, 7})));
  EXPECT_TRUE(quantizer->parameters().empty());
  EXPECT_TRUE(quantizer->buffers().empty());
}

TEST(DynamicLinearQuantizer, OptionsReachTheFunction) {
  const torch::Tensor data = random_data({3, 5}, 1).abs();
  DynamicLinearQuantizer quantizer(DynamicLinearQuantizerOptions(3)
                                       .symmetric(true)
                                       .allow_one_sided(false)
                                       .granularity(ff::PerChannel(0))
                                       .quantized_dtype(torch::kInt));
  const torch::Tensor q = quantizer->forward(data);
  EXPECT_EQ(ff::codes(q).scalar_type(), torch::kInt);
  const torch::Tensor scale = data.amax(1) / 3.0;
  EXPECT_TRUE(same(ff::bound_function(q).argument("scale").toTensor(), scale));
  EXPECT_EQ(ff::codes(q).max().item<int>(), 3);
}

TEST(DynamicLinearQuantizer, ErrorsNameIt) {
  DynamicLinearQuantizer quantizer(8);
  quantizer->set_path("block.input");
  EXPECT_ERROR(c10::ValueError,
               "DynamicLinearQuantizer 'block.input': dynamic::quantize_per_granularity: the data "
               "of shape [1] has 1 values that are NaN or infinite",
               quantizer->forward(floats({std::numeric_limits<float>::infinity()})));
}

TEST(DynamicLinearQuantizer, WrongOptionsAreErrors) {
  EXPECT_ERROR(c10::ValueError, "DynamicLinearQuantizer: num_bits is 17; expected 1 to 16.",
               DynamicLinearQuantizer(17));
  EXPECT_ERROR(
      c10::ValueError, "DynamicLinearQuantizer: Byte cannot hold codes of 8 bits",
      DynamicLinearQuantizer(DynamicLinearQuantizerOptions(8).quantized_dtype(torch::kByte)));
}

TEST(DynamicLinearQuantizer, Clones) {
  DynamicLinearQuantizer quantizer(DynamicLinearQuantizerOptions(3).granularity(ff::PerChannel(1)));
  quantizer->metadata().add_tag("mine");
  const auto copy = std::dynamic_pointer_cast<DynamicLinearQuantizerImpl>(quantizer->clone());
  ASSERT_NE(copy, nullptr);
  EXPECT_TRUE(copy->metadata().has_tag("mine"));
  const torch::Tensor data = random_data({3, 5}, 2);
  EXPECT_TRUE(same(copy->forward(data).dequantize(), quantizer->forward(data).dequantize()));
}

TEST(DynamicLinearQuantizer, Prints) {
  std::ostringstream stream;
  stream << DynamicLinearQuantizer(8);
  EXPECT_EQ(stream.str(),
            "DynamicLinearQuantizer(num_bits=8, symmetric=false, allow_one_sided=true, "
            "granularity=PerTensor())");
}

}  // namespace
