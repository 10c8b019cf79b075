#include <gtest/gtest.h>
#include <torch/types.h>

#include <functional>
#include <string>
#include <vector>

#include "fastforward/dispatch/strict.h"
#include "fastforward/quantization/affine.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::test::floats;
using ff::test::random_data;
using ff::test::same;
using Operator = std::function<torch::Tensor(const torch::Tensor&)>;

struct Named {
  std::string name;
  Operator call;
};

// Operators that every granularity below follows, on data of shape [4, 1, 6].
std::vector<Named> operators() {
  return {
      {"view",
       [](const torch::Tensor& t) {
         return t.view({4, 1, 1, 6});
       }},
      {"reshape",
       [](const torch::Tensor& t) {
         return t.reshape({1, 4, -1, 6});
       }},
      {"view_as",
       [](const torch::Tensor& t) {
         return t.view_as(torch::zeros({4, 6}));
       }},
      {"reshape_as",
       [](const torch::Tensor& t) {
         return t.reshape_as(torch::zeros({4, 6}));
       }},
      {"flatten", [](const torch::Tensor& t) { return t.flatten(0, 1); }},
      {"unflatten",
       [](const torch::Tensor& t) {
         return t.unflatten(0, {4, 1});
       }},
      {"squeeze", [](const torch::Tensor& t) { return t.squeeze(); }},
      {"squeeze one", [](const torch::Tensor& t) { return t.squeeze(1); }},
      {"squeeze none", [](const torch::Tensor& t) { return t.squeeze(0); }},
      {"squeeze list",
       [](const torch::Tensor& t) {
         return t.squeeze(at::IntArrayRef{1, 2});
       }},
      {"unsqueeze", [](const torch::Tensor& t) { return t.unsqueeze(0); }},
      {"unsqueeze last", [](const torch::Tensor& t) { return t.unsqueeze(-1); }},
      {"permute",
       [](const torch::Tensor& t) {
         return t.permute({2, 0, -2});
       }},
      {"transpose", [](const torch::Tensor& t) { return t.transpose(0, -1); }},
      {"swapaxes", [](const torch::Tensor& t) { return t.swapaxes(1, 2); }},
      {"swapdims", [](const torch::Tensor& t) { return t.swapdims(0, 2); }},
      {"numpy_T", [](const torch::Tensor& t) { return t.numpy_T(); }},
      {"mT", [](const torch::Tensor& t) { return t.mT(); }},
      {"t", [](const torch::Tensor& t) { return t.squeeze(1).t(); }},
      {"movedim", [](const torch::Tensor& t) { return t.movedim(0, 2); }},
      {"moveaxis list",
       [](const torch::Tensor& t) {
         return t.moveaxis({2, 0}, {0, 1});
       }},
      {"select", [](const torch::Tensor& t) { return t.select(0, -1); }},
      {"index", [](const torch::Tensor& t) { return t[2]; }},
      {"slice", [](const torch::Tensor& t) { return t.slice(0, 2, 4); }},
      {"slice all", [](const torch::Tensor& t) { return t.slice(2); }},
      {"slice negative", [](const torch::Tensor& t) { return t.slice(0, -2, 100); }},
      {"slice none", [](const torch::Tensor& t) { return t.slice(0, 3, 2); }},
      {"narrow", [](const torch::Tensor& t) { return t.narrow(0, 0, 2); }},
      {"narrow negative", [](const torch::Tensor& t) { return t.narrow(0, -2, 2); }},
      {"expand",
       [](const torch::Tensor& t) {
         return t.expand({3, 4, 5, 6});
       }},
      {"expand_as",
       [](const torch::Tensor& t) {
         return t.expand_as(torch::zeros({4, 5, 6}));
       }},
      {"broadcast_to",
       [](const torch::Tensor& t) {
         return t.broadcast_to({4, 5, -1});
       }},
      {"alias", [](const torch::Tensor& t) { return t.alias(); }},
      {"split", [](const torch::Tensor& t) { return t.split(2, 0)[1]; }},
      {"split sizes",
       [](const torch::Tensor& t) {
         return t.split({2, 2}, 0)[0];
       }},
      {"split_with_sizes",
       [](const torch::Tensor& t) {
         return t.split_with_sizes({2, 0, 2}, 0)[2];
       }},
      {"chunk", [](const torch::Tensor& t) { return t.chunk(2, 0)[1]; }},
      {"unbind", [](const torch::Tensor& t) { return t.unbind(0)[3]; }},
  };
}

struct Granularities {
  ff::Granularity granularity;
  int64_t tiles;
};

TEST(Structural, OperatorsKeepCodesValuesAndGradients) {
  const std::vector<Granularities> all = {
      {ff::PerTensor(), 1},         {ff::PerChannel(0), 4},  {ff::PerChannel(-1), 6},
      {ff::PerChannel({0, 2}), 24}, {ff::PerBlock(0, 2), 2}, {ff::PerBlock(2, 3, {0}), 8},
      {ff::PerTile({2, 1, 6}), 2},  {ff::PerChannel(1), 1},
  };
  for (const auto& [granularity, tiles] : all) {
    for (const Named& op : operators()) {
      SCOPED_TRACE(op.name + " with " + ff::to_string(granularity));
      const torch::Tensor data = random_data({4, 1, 6}, 1).requires_grad_();
      const torch::Tensor scale = (random_data({tiles}, 2).abs() * 0.1 + 0.05).requires_grad_();
      const torch::Tensor q =
          ff::quantize_per_granularity(data, scale, random_data({tiles}, 3), granularity, 4);
      const torch::Tensor got = op.call(q), expected = op.call(q.dequantize());
      ASSERT_TRUE(ff::is_quantized(got));
      EXPECT_TRUE(same(ff::codes(got), op.call(ff::codes(q))));
      EXPECT_TRUE(same(got.dequantize(), expected));
      const torch::Tensor weight = random_data(expected.sizes(), 4);
      for (const torch::Tensor& input : {data, scale}) {
        EXPECT_TRUE(same(ff::test::gradient_of(got.dequantize(), input, weight),
                         ff::test::gradient_of(expected, input, weight)));
      }
    }
  }
}

TEST(Structural, IndexSelect) {
  const torch::Tensor data = random_data({4, 3}, 1);
  for (const auto type : {torch::kInt, torch::kLong}) {
    const torch::Tensor index = torch::tensor({2, 0, 2, 1}).to(type);
    for (const int64_t axis : {0, 1, -1}) {
      const torch::Tensor q =
          ff::quantize_per_channel(data, random_data({4}, 2).abs() + 0.1, {}, 0, 4);
      const torch::Tensor picked = q.index_select(axis, index);
      ASSERT_TRUE(ff::is_quantized(picked));
      EXPECT_TRUE(same(picked.dequantize(), q.dequantize().index_select(axis, index)));
    }
  }
}

TEST(Structural, RefusalsSayWhy) {
  const torch::Tensor data = torch::ones({4, 6});
  const torch::Tensor channel = ff::quantize_per_channel(data, torch::ones({6}), {}, 1);
  EXPECT_ERROR(c10::NotImplementedError,
               "not 'move codes': tiles of shape [4, 1] on [4, 6] are no tiles on [24]",
               channel.view({24}));
  EXPECT_ERROR(c10::NotImplementedError, "strict quantization: aten::flatten.using_ints",
               channel.flatten());
  const torch::Tensor block =
      ff::quantize_per_granularity(data, torch::ones({2}), {}, ff::PerBlock(1, 3));
  EXPECT_ERROR(c10::NotImplementedError, "the 2 indices from 2 of axis 1 cut tiles of size 3",
               block.narrow(1, 2, 2));
  EXPECT_ERROR(c10::NotImplementedError, "the 4 indices from 0 of axis 1 cut tiles of size 3",
               block.split(4, 1));
  EXPECT_ERROR(c10::NotImplementedError, "takes tiles of size 3 apart",
               block.index_select(1, torch::tensor({0, 1})));
}

TEST(Structural, WhatIsRefusedWorksRelaxed) {
  const ff::StrictGuard relaxed(false);
  const torch::Tensor data = random_data({4, 6}, 1);
  const torch::Tensor q = ff::quantize_per_channel(data, torch::full({6}, 0.1F), {}, 1);
  const torch::Tensor flat = q.view({24});
  EXPECT_FALSE(ff::is_quantized(flat));
  EXPECT_TRUE(same(flat, q.dequantize().view({24})));
  EXPECT_TRUE(ff::is_quantized(q.t())) << "what can be done on codes still is";
}

TEST(Structural, ErrorsOfLibTorchStay) {
  const torch::Tensor q = ff::quantize_per_tensor(torch::ones({4, 6}), 0.5);
  try {
    q.view({5, 5});
    ADD_FAILURE() << "view of another number of elements";
  } catch (const std::exception& error) {  // in LibTorch 2.7 no c10::Error, but a runtime_error
    EXPECT_EQ(ff::test::text_of(error), "shape '[5, 5]' is invalid for input of size 24");
  }
  EXPECT_ERROR(c10::IndexError, "Dimension out of range", q.transpose(0, 2));
  EXPECT_ERROR(c10::IndexError, "out of range", q.select(0, 4));
  EXPECT_ERROR(c10::Error, "", q.narrow(0, 3, 2));
  EXPECT_ERROR(c10::ValueError, "the pieces [1, 1] sum up to 2, but the axis has 4 elements",
               q.split_with_sizes({1, 1}, 0));
  EXPECT_ERROR(c10::Error, "at least 1", q.chunk(0));
}

TEST(Structural, ZeroDimensional) {
  const torch::Tensor q = ff::quantize_per_tensor(torch::tensor(0.7F), 0.5);
  EXPECT_TRUE(same(q.view({1}).dequantize(), torch::full({1}, 0.5F)));
  EXPECT_TRUE(same(q.expand({2, 2}).dequantize(), torch::full({2, 2}, 0.5F)));
  EXPECT_TRUE(same(q.flatten().dequantize(), torch::full({1}, 0.5F)));
  EXPECT_EQ(q.permute({}).dim(), 0);
  EXPECT_EQ(q.transpose(0, -1).dim(), 0);
}

TEST(Structural, GradientsAfterCopiesOfCodes) {
  // The codes are made contiguous, so that they can be viewed; gradients must follow.
  const torch::Tensor data = random_data({2, 3, 4}, 1).requires_grad_();
  const torch::Tensor q = ff::quantize_per_tensor(data, 0.1, 0.0);
  const torch::Tensor joined = torch::cat({q, q}, 0);
  const torch::Tensor got = joined.transpose(1, 2).contiguous().view({4, 12}).dequantize();
  const torch::Tensor plain = q.dequantize();
  const torch::Tensor expected =
      torch::cat({plain, plain}, 0).transpose(1, 2).contiguous().view({4, 12});
  EXPECT_TRUE(same(got, expected));
  const torch::Tensor weight = random_data({4, 12}, 2);
  EXPECT_TRUE(same(ff::test::gradient_of(got, data, weight),
                   ff::test::gradient_of(expected, data, weight)));
}

TEST(Structural, ZeroDimensionalTilesFollowEverything) {
  const torch::Tensor q = ff::quantize_by_tile(torch::tensor(0.7F), torch::full({1}, 0.5F), {}, {});
  const torch::Tensor zero = torch::zeros({1}, torch::kLong);
  EXPECT_TRUE(same(q.index_select(0, zero).dequantize(), q.dequantize().index_select(0, zero)));
  EXPECT_TRUE(same(q.expand({2, 2}).dequantize(), torch::full({2, 2}, 0.5F)));
  EXPECT_TRUE(same(q.unsqueeze(0).dequantize(), torch::full({1}, 0.5F)));
}

TEST(Structural, LooseBlocksFollowReshapesThatKeepThem) {
  const torch::Tensor data = random_data({10, 3}, 1);
  const torch::Tensor q = ff::quantize_per_granularity(
      data, floats({0.1, 0.2, 0.3}), {}, ff::PerBlock(0, 4, {}, /*strict_blocks=*/false));
  const auto check = [&](const torch::Tensor& got, at::IntArrayRef shape) {
    ASSERT_TRUE(ff::is_quantized(got));
    EXPECT_TRUE(same(got.dequantize(), q.dequantize().reshape(shape)));
  };
  check(q.unsqueeze(0), {1, 10, 3});
  check(q.view({10, 3}), {10, 3});
  check(q.reshape({10, 1, 3}), {10, 1, 3});
  check(q.flatten(), {30});
  check(q.reshape({5, 2, 3}), {5, 2, 3});
  const torch::Tensor rest = q.slice(0, 4);
  ASSERT_TRUE(ff::is_quantized(rest));
  EXPECT_TRUE(same(rest.dequantize(), q.dequantize().slice(0, 4)));
}

TEST(Structural, EmptyTensors) {
  const torch::Tensor q = ff::quantize_per_tensor(torch::ones({0, 3}), 0.5);
  EXPECT_EQ(q.view({3, 0}).sizes(), at::IntArrayRef({3, 0}));
  EXPECT_ERROR(c10::NotImplementedError, "an empty tensor",
               ff::quantize_per_channel(torch::ones({0, 3}), torch::ones({3})).view({3, 0}));
}

TEST(Structural, EmptyChannelsFollowReshapesThatKeepThem) {
  const torch::Tensor q = ff::quantize_per_channel(torch::ones({3, 0}), torch::ones({3}), {}, 0);
  const torch::Tensor more = q.unsqueeze(0);
  ASSERT_TRUE(ff::is_quantized(more));
  EXPECT_EQ(more.dequantize().sizes(), at::IntArrayRef({1, 3, 0}));
  EXPECT_EQ(q.view({3, 0}).dequantize().sizes(), at::IntArrayRef({3, 0}));
  EXPECT_EQ(ff::bound_function(more).argument("scale").toTensor().numel(), 3);
}

TEST(Structural, PlainTensorsTakeTheSizesOfQuantizedOnes) {
  const torch::Tensor plain = random_data({6}, 1),
                      q = ff::quantize_per_tensor(torch::ones({2, 3}), 0.5);
  EXPECT_TRUE(same(plain.view_as(q), plain.view({2, 3})));
  EXPECT_TRUE(same(plain.reshape_as(q), plain.view({2, 3})));
  const torch::Tensor row = random_data({3}, 2).requires_grad_();
  EXPECT_TRUE(same(row.expand_as(q), row.expand({2, 3})));
  EXPECT_TRUE(row.expand_as(q).requires_grad());
}

}  // namespace
