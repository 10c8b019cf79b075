#include <gtest/gtest.h>
#include <torch/torch.h>

#include <sstream>

#include "fastforward/nn/linear_quantizer.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::nn::LinearQuantizer;
using ff::nn::LinearQuantizerOptions;
using ff::test::floats;
using ff::test::random_data;
using ff::test::same;

LinearQuantizer per_channel() {
  LinearQuantizer quantizer(LinearQuantizerOptions(4).granularity(ff::PerChannel(0)));
  quantizer->set_quantization_range(floats({-1, -2, -3}), floats({1, 2, 3}));
  return quantizer;
}

void load(const LinearQuantizer& from, LinearQuantizer to) {
  std::stringstream state;
  torch::save(from, state);
  torch::load(to, state);
}

TEST(LinearQuantizerState, TakesTheNumberOfTilesThatWasSaved) {
  LinearQuantizer fresh(LinearQuantizerOptions(4).granularity(ff::PerChannel(0)));
  const torch::Tensor scale = fresh->scale;
  load(per_channel(), fresh);
  EXPECT_TRUE(fresh->scale.is_same(scale)) << "an optimizer made before still has it";
  const torch::Tensor x = random_data({3, 4}, 1);
  EXPECT_TRUE(same(fresh(x).dequantize(), per_channel()(x).dequantize()));
  LinearQuantizer other(LinearQuantizerOptions(4).granularity(ff::PerChannel(0)));
  other->set_quantization_range(floats({-1, -1}), floats({1, 1}));
  load(per_channel(), other);
  EXPECT_TRUE(same(other(x).dequantize(), per_channel()(x).dequantize()));
  load(LinearQuantizer(other->options), other);
  EXPECT_FALSE(other->is_initialized()) << "the state before calibration is one, too";
}

TEST(LinearQuantizerState, StatesOfOtherOptionsDoNotLoad) {
  LinearQuantizer per_tensor(4);
  per_tensor->set_path("fc.weight_quantizer");
  per_tensor->set_quantization_range(-1.0, 1.0);
  const torch::Tensor before = per_tensor->scale.clone();
  EXPECT_ERROR(c10::ValueError,
               "LinearQuantizer 'fc.weight_quantizer': the saved scale has shape [3], but "
               "PerTensor() needs [1]; give this quantizer the granularity that the saved one had.",
               load(per_channel(), per_tensor));
  EXPECT_TRUE(same(per_tensor->scale, before));
  LinearQuantizer without(LinearQuantizerOptions(4).allow_one_sided(false));
  EXPECT_ERROR(c10::ValueError,
               "LinearQuantizer: the saved state has an offset, but this quantizer has none; give "
               "it the options symmetric and allow_one_sided that the saved one had.",
               load(per_tensor, without));
  without->set_quantization_range(-1.0, 1.0);
  EXPECT_ERROR(c10::ValueError, "the saved state has no offset, but this quantizer has one",
               load(without, per_tensor));
}

TEST(LinearQuantizerState, StatesThatNoRangeGivesDoNotLoad) {
  const auto broken = [](const auto& change) {
    LinearQuantizer from(8), to(8);
    from->set_quantization_range(-1.0, 1.0);
    const torch::NoGradGuard no_grad;
    change(*from);
    load(from, to);
  };
  EXPECT_ERROR(c10::ValueError, "LinearQuantizer: the saved state: scale[0] is -1",
               broken([](auto& from) { from.scale.fill_(-1); }));
  EXPECT_ERROR(c10::ValueError, "the saved state: offset[0] is nan",
               broken([](auto& from) { from.offset.fill_(NAN); }));
  EXPECT_ERROR(c10::ValueError,
               "the saved offset has shape [2], but the saved scale has [1]; expected the same.",
               broken([](auto& from) { from.offset.set_data(torch::zeros({2})); }));
  EXPECT_ERROR(c10::ValueError, "the saved scale has shape [1, 1]", broken([](auto& from) {
                 from.scale.set_data(torch::ones({1, 1}));
               }));

  torch::nn::Linear linear(2, 2);
  std::stringstream state;
  torch::save(linear, state);
  LinearQuantizer to(8);
  EXPECT_ERROR(c10::ValueError,
               "the saved state has no scale; it is not that of a LinearQuantizer.",
               torch::load(to, state));
}

}  // namespace
