#include <torch/torch.h>

#include <thread>
#include <vector>

#include "fastforward/dispatch/strict.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/quantization/affine.h"
#include "support/property.h"

// Quantized tensors on their way through LibTorch.
namespace {

using ff::nn::LinearQuantizer;
using ff::test::pick;
using ff::test::pick_affine;
using ff::test::pick_seed;
using ff::test::random_data;

RC_GTEST_PROP(Flow, ThroughSequential, ()) {
  const ff::StrictGuard relaxed(false);
  const uint64_t seed = pick_seed();
  const int64_t batch = pick(1, 4), bits = pick(2, 8);
  torch::nn::Conv2d conv(torch::nn::Conv2dOptions(2, 3, 3));
  torch::nn::Linear linear(3 * 3 * 3, 5);
  LinearQuantizer input(bits), hidden(bits);
  input->set_quantization_range(-3.0, 3.0);
  hidden->set_quantization_range(0.0, 4.0);
  torch::nn::MaxPool2d pool(2);
  torch::nn::Sequential model(input, conv, torch::nn::ReLU(), hidden, pool, torch::nn::Flatten(),
                              linear);
  const torch::Tensor x = random_data({batch, 2, 8, 8}, seed).requires_grad_();
  const torch::Tensor got = model->forward(x);
  // By hand, with plain tensors between.
  const torch::Tensor inner = hidden(torch::relu(conv(input(x).dequantize()))).dequantize();
  const torch::Tensor expected = linear(torch::max_pool2d(inner, 2).flatten(1));
  RC_SAME(got, expected);
  const torch::Tensor weight = random_data(got.sizes(), seed + 1);
  const std::vector<torch::Tensor> variables{x, input->scale, hidden->scale, conv->weight};
  const auto gradients = torch::autograd::grad({got}, variables, {weight});
  const auto expected_gradients = torch::autograd::grad({expected}, variables, {weight});
  for (size_t i = 0; i < variables.size(); ++i)
    RC_SAME(gradients[i], expected_gradients[i]);
}

RC_GTEST_PROP(Flow, StaysQuantizedThroughPoolAndFlatten, ()) {
  LinearQuantizer quantizer(pick(1, 16));
  quantizer->set_quantization_range(-2.0, 2.0);
  torch::nn::Sequential model(quantizer, torch::nn::MaxPool2d(2), torch::nn::Flatten(),
                              torch::nn::Identity());
  const torch::Tensor x = random_data({pick(1, 3), 2, 4, 6}, pick_seed());
  const torch::Tensor got = model->forward(x);
  RC_ASSERT(ff::is_quantized(got));
  RC_SAME(got.dequantize(), torch::max_pool2d(quantizer(x).dequantize(), 2).flatten(1));
}

RC_GTEST_PROP(Flow, ToAnotherThreadAndBack, ()) {
  const auto input = pick_affine(torch::kFloat);
  RC_LOG() << describe(input);
  torch::Tensor q = ff::quantize_per_granularity(input.data, input.scale, input.offset,
                                                 input.tiled.granularity, input.num_bits);
  const torch::Tensor expected = q.dequantize();
  torch::Tensor there, clone;
  std::thread worker([moved = std::move(q), &there, &clone] {
    there = moved.dequantize();
    clone = moved.clone();
  });
  worker.join();
  RC_SAME(there, expected);
  RC_SAME(clone.dequantize(), expected);
}

RC_GTEST_PROP(Flow, SeveralThreadsReadOneTensor, ()) {
  const auto input = pick_affine(torch::kFloat, 1);
  const torch::Tensor q = ff::quantize_per_granularity(input.data, input.scale, input.offset,
                                                       input.tiled.granularity, input.num_bits);
  const torch::Tensor expected = q.dequantize();
  std::vector<torch::Tensor> values(4);
  std::vector<std::thread> workers;
  for (torch::Tensor& value : values) {
    workers.emplace_back([&] {
      for (int i = 0; i < 5; ++i)
        value = q.alias().clone().dequantize();
    });
  }
  for (std::thread& worker : workers)
    worker.join();
  for (const torch::Tensor& value : values)
    RC_SAME(value, expected);
}

}  // namespace
