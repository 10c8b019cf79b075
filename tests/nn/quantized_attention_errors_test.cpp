#include <gtest/gtest.h>
#include <torch/torch.h>

#include "fastforward/dispatch/strict.h"
#include "nn/attention_setup.h"
#include "support/expect_error.h"

namespace {

using ff::nn::QuantizedMultiheadAttention;
using ff::test::calibrate;
using ff::test::copy_of;
using ff::test::kBatch;
using ff::test::kHeads;
using ff::test::kSize;
using ff::test::kSource;
using ff::test::kTarget;
using ff::test::make_attention;
using ff::test::random_data;
using torch::nn::MultiheadAttentionOptions;

TEST(QuantizedAttentionErrors, StrictModeNamesTheProduct) {
  QuantizedMultiheadAttention attention(*make_attention(MultiheadAttentionOptions(kSize, kHeads)));
  attention->set_path("block.attention");
  const torch::Tensor q = random_data({kTarget, kBatch, kSize}, 1);
  EXPECT_ERROR(c10::TypeError,
               "QuantizedMultiheadAttention 'block.attention': strict quantization: in_proj got a "
               "plain tensor of shape [3, 2, 8] as 'query'.",
               attention->forward(q, q, q));
  calibrate(attention, q, q, q);
  const auto without = [&](const char* name) {
    const auto copy = copy_of(*attention);
    ff::nn::replace_quantizer(*copy, name, ff::nn::QuantizerStub());
    copy->forward(q, q, q);
  };
  EXPECT_ERROR(c10::TypeError, "in_proj got a plain tensor of shape [24, 8] as 'in_proj_weight'",
               without("in_proj_weight_quantizer"));
  EXPECT_ERROR(c10::TypeError,
               "the product of query and key got a plain tensor of shape [4, 3, 4] "
               "as 'scaled_query'",
               without("scaled_query_quantizer"));
  EXPECT_ERROR(c10::TypeError, "as 'projected_key'", without("projected_key_quantizer"));
  EXPECT_ERROR(c10::TypeError, "the output of bmm, of shape [4, 3, 3]",
               without("attn_scores_quantizer"));
  EXPECT_ERROR(c10::TypeError,
               "the product of weights and value got a plain tensor of shape [4, "
               "3, 3] as 'attn_weights'",
               without("attn_weights_quantizer"));
  EXPECT_ERROR(c10::TypeError, "as 'projected_value'", without("projected_value_quantizer"));
  EXPECT_ERROR(c10::TypeError, "the output of bmm, of shape [4, 3, 4]",
               without("attn_output_quantizer"));
  without("in_proj_bias_quantizer");  // A bias may stay plain.
}

TEST(QuantizedAttentionErrors, NameWhatDoesNotFit) {
  const ff::StrictGuard relaxed(false);
  QuantizedMultiheadAttention attention(kSize, kHeads);
  const torch::Tensor q = random_data({kTarget, kBatch, kSize}, 1);
  const torch::Tensor k = random_data({kSource, kBatch, kSize}, 2);
  EXPECT_ERROR(c10::ValueError,
               "QuantizedMultiheadAttention: query has shape [3, 8]; expected [length, batch, 8], "
               "the batch as second axis.",
               attention->forward(q.select(1, 0), k, k));
  EXPECT_ERROR(c10::ValueError, "key and value one length", attention->forward(q, k, q));
  EXPECT_ERROR(
      c10::NotImplementedError,
      "attn_mask has type Bool; only floating-point masks, which are added to the scores, "
      "are supported",
      attention->forward(q, k, k, {}, true, torch::ones({kTarget, kSource}, torch::kBool)));
  EXPECT_ERROR(c10::ValueError, "attn_mask has shape [5, 3]; expected [3, 5]",
               attention->forward(q, k, k, {}, true, torch::zeros({kSource, kTarget})));
  EXPECT_ERROR(c10::TypeError, "key_padding_mask has type Float; expected Bool",
               attention->forward(q, k, k, torch::zeros({kBatch, kSource})));
  EXPECT_ERROR(c10::ValueError, "key_padding_mask has shape [5, 2]; expected [2, 5]",
               attention->forward(q, k, k, torch::zeros({kSource, kBatch}, torch::kBool)));
  attention->out_proj = torch::nn::Linear(kSize, kSize);
  EXPECT_ERROR(c10::TypeError,
               "out_proj is a torch::nn::LinearImpl; expected a QuantizedLinear, as the "
               "constructor made it.",
               attention->forward(q, k, k));
}

}  // namespace
