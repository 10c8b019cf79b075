#include <torch/script.h>
#include <torch/torch.h>

#include <string>
#include <vector>

#include "fastforward/model/autoquantize.h"
#include "fastforward/model/calibrate.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/named_quantizers.h"
#include "support/tensors.h"

// Networks that make images smaller and larger again, in integers. Scales are powers of two, so
// that float32 holds the sums of the simulation exactly: results are equal bit for bit.
namespace {

namespace F = torch::nn::functional;
using ff::test::random_data;
using ff::test::same;

torch::Tensor weight(at::IntArrayRef sizes, uint64_t seed) {
  return random_data(sizes, seed).mul(16).round().div(64);
}

torch::Tensor images(uint64_t seed, int64_t size = 12) {
  return random_data({2, 3, size, size + 2}, seed);
}

ff::QuantizedModel quantized(const ff::FloatModel& model) {
  ff::QuantizedModel result = ff::autoquantize(model, images(1));
  ff::calibrate(result, images(2));
  for (const auto& [path, quantizer] : ff::nn::named_quantizers(result)) {
    auto* linear = dynamic_cast<ff::nn::LinearQuantizerImpl*>(quantizer.get());
    linear->scale.copy_(linear->scale.log2().ceil().exp2());
  }
  return result;
}

// All calls run on codes, and give what the simulation gives.
void expect_codes(const ff::FloatModel& float_model) {
  const torch::NoGradGuard no_grad;
  ff::QuantizedModel model = quantized(float_model);
  for (const int64_t size : {12, 9}) {
    for (const bool is_channels_last : {false, true}) {
      const torch::Tensor x = images(3, size).contiguous(
          is_channels_last ? torch::MemoryFormat::ChannelsLast : torch::MemoryFormat::Contiguous);
      model->to_integer(false);
      const torch::Tensor simulated = model(x);
      model->to_integer();
      EXPECT_TRUE(same(model(x), simulated)) << size;
    }
  }
  for (const ff::CallCoverage& call : model->coverage().calls)
    EXPECT_EQ(call.integers, "codes") << call.site;
}

TEST(IntegerImages, ADecoder) {
  const torch::Tensor first = weight({8, 3, 4, 4}, 1), second = weight({8, 8, 3, 3}, 2),
                      last = weight({4, 8, 2, 3}, 3);
  expect_codes(ff::FloatModel([=](const torch::Tensor& x) {
    const torch::Tensor large = torch::relu(torch::conv2d(x, first, {}, {1, 1}, "same"));
    torch::Tensor y = torch::max_pool2d(large, {3, 3}, {2, 2}, {1, 1});
    y = torch::relu(torch::conv2d(y, second, {}, {1, 1}, "same", {2, 2}));
    y = F::interpolate(y, F::InterpolateFuncOptions()
                              .size(std::vector<int64_t>{large.size(2), large.size(3)})
                              .mode(torch::kNearest));
    return torch::conv2d(y + large, last, {}, {1, 1}, "valid");
  }));
}

TEST(IntegerImages, AModule) {
  struct NetImpl : torch::nn::Module {
    NetImpl()
        : first(register_module(
              "first", torch::nn::Conv2d(
                           torch::nn::Conv2dOptions(3, 8, 2).padding(torch::kSame).bias(false)))),
          norm(register_module("norm", torch::nn::BatchNorm2d(8))),
          larger(register_module("larger",
                                 torch::nn::Upsample(torch::nn::UpsampleOptions()
                                                         .scale_factor(std::vector<double>{2, 2})
                                                         .mode(torch::kNearest)))),
          last(register_module("last",
                               torch::nn::Conv2d(torch::nn::Conv2dOptions(8, 4, 3).bias(false)))) {
      const torch::NoGradGuard no_grad;
      first->weight.copy_(weight(first->weight.sizes(), 1));
      last->weight.copy_(weight(last->weight.sizes(), 2));
      eval();
    }
    torch::Tensor forward(const torch::Tensor& x) {
      return last(torch::max_pool2d(larger(torch::relu(norm(first(x)))), 3, 1, 1));
    }
    torch::nn::Conv2d first;
    torch::nn::BatchNorm2d norm;
    torch::nn::Upsample larger;
    torch::nn::Conv2d last;
  };
  const auto net = std::make_shared<NetImpl>();
  expect_codes(ff::FloatModel([=](const torch::Tensor& x) { return net->forward(x); }));
}

TEST(IntegerImages, TorchScript) {
  torch::jit::Module net("net");
  net.register_buffer("w", weight({8, 3, 3, 4}, 1));
  net.register_buffer("v", weight({4, 8, 3, 3}, 2));
  net.define(R"(
    def forward(self, x):
        y = torch.relu(torch.conv2d(x, self.w, None, [1, 1], "same", [1, 1], 1))
        y = torch.max_pool2d(y, [2, 2])
        y = torch.upsample_nearest2d(y, None, [2.0, 3.0])
        y = torch._upsample_nearest_exact2d(y, [y.size(2) * 2, y.size(3)], None)
        return torch.conv2d(y, self.v, None, [1, 1], "same", [1, 1], 1)
  )");
  expect_codes(ff::FloatModel(net));
}

}  // namespace
