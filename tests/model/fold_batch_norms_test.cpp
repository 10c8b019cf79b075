#include "fastforward/model/fold_batch_norms.h"

#include <gtest/gtest.h>
#include <torch/script.h>
#include <torch/torch.h>

#include <sstream>
#include <string>
#include <vector>

#include "support/tensors.h"

namespace {

using ff::FoldReport;
using ff::test::random_data;
using ff::test::same;
namespace nn = torch::nn;

// Statistics and an affine map as training leaves them.
template <typename Norm>
void fill(Norm& norm, uint64_t seed) {
  const torch::NoGradGuard no_grad;
  norm->running_mean.copy_(random_data(norm->running_mean.sizes(), seed));
  norm->running_var.copy_(random_data(norm->running_var.sizes(), seed + 1).abs() + 0.2);
  if (norm->weight.defined()) {
    norm->weight.copy_(random_data(norm->weight.sizes(), seed + 2));
    norm->bias.copy_(random_data(norm->bias.sizes(), seed + 3));
  }
}

// Folds, and expects that all is as before up to rounding, and that the norm only adds a constant.
template <typename Norm>
void expect_folded(nn::Sequential net, Norm norm, const torch::Tensor& x) {
  fill(norm, 7);
  net->eval();
  const torch::Tensor before = net->forward(x);
  const torch::Tensor weight = net[0]->named_parameters()["weight"].clone();
  const FoldReport report = ff::fold_batch_norms(net, x);
  ASSERT_EQ(report.folded.size(), 1);
  EXPECT_TRUE(report.left.empty());
  EXPECT_EQ(report.folded[0].norm, "1.batch_norm");
  EXPECT_FALSE(torch::equal(net[0]->named_parameters()["weight"], weight));
  // Products of a few dozen float32 numbers, in another order.
  EXPECT_TRUE(torch::allclose(net->forward(x), before, 1e-4, 1e-5));
  const torch::Tensor probe = random_data(before.sizes(), 9);
  const torch::Tensor difference = norm->forward(probe) - probe;
  std::vector<int64_t> axes;
  for (int64_t axis = 0; axis < probe.dim(); ++axis) {
    if (axis != 1)
      axes.push_back(axis);
  }
  EXPECT_LT(difference.std(axes).max().template item<float>(), 1e-5)
      << "the same number for each element of a channel";
}

TEST(FoldBatchNorms, IntoConvolutions) {
  const torch::Tensor x = random_data({2, 4, 7, 7}, 1);
  for (const bool bias : {true, false}) {
    for (const bool affine : {true, false}) {
      SCOPED_TRACE(testing::Message() << "bias " << bias << ", affine " << affine);
      nn::BatchNorm2d norm(nn::BatchNorm2dOptions(6).affine(affine));
      expect_folded(
          nn::Sequential(nn::Conv2d(nn::Conv2dOptions(4, 6, 3).bias(bias).groups(2)), norm), norm,
          x);
      nn::BatchNorm2d other(nn::BatchNorm2dOptions(6).affine(affine).eps(1e-2));
      expect_folded(nn::Sequential(
                        nn::ConvTranspose2d(nn::ConvTranspose2dOptions(4, 6, 3).bias(bias)), other),
                    other, x);
    }
  }
}

TEST(FoldBatchNorms, IntoOtherProducts) {
  nn::BatchNorm1d of_linear(6), of_conv(6);
  expect_folded(nn::Sequential(nn::Linear(4, 6), of_linear), of_linear, random_data({5, 4}, 1));
  expect_folded(nn::Sequential(nn::Conv1d(nn::Conv1dOptions(4, 6, 3)), of_conv), of_conv,
                random_data({5, 4, 8}, 2));
  nn::BatchNorm3d norm(3);
  expect_folded(nn::Sequential(nn::Conv3d(nn::Conv3dOptions(2, 3, 2)), norm), norm,
                random_data({2, 2, 4, 4, 4}, 3));
}

TEST(FoldBatchNorms, IntoTorchScript) {
  torch::jit::Module net("net");
  net.register_parameter("weight", random_data({6, 4, 3, 3}, 1), /*is_buffer=*/false);
  net.register_parameter("scale", random_data({6}, 2), /*is_buffer=*/false);
  net.register_parameter("shift", random_data({6}, 3), /*is_buffer=*/false);
  net.register_buffer("mean", random_data({6}, 4));
  net.register_buffer("variance", random_data({6}, 5).abs() + 0.2);
  net.define(R"(
    def forward(self, x):
        y = torch.conv2d(x, self.weight)
        y = torch.batch_norm(y, self.scale, self.shift, self.mean, self.variance, False, 0.1, 1e-5, False)
        return torch.relu(y)
  )");
  const torch::Tensor x = random_data({2, 4, 7, 7}, 6);
  const torch::Tensor before = net.forward({x}).toTensor();
  const FoldReport report = ff::fold_batch_norms(net, x);
  EXPECT_EQ(report.folded.size(), 1);
  EXPECT_TRUE(torch::allclose(net.forward({x}).toTensor(), before, 1e-4, 1e-5));
  EXPECT_TRUE(same(net.attr("scale").toTensor(), torch::ones({6})));
  const torch::Tensor factor =
      random_data({6}, 2) / torch::sqrt(random_data({6}, 5).abs() + 0.2 + 1e-5);
  EXPECT_TRUE(torch::allclose(net.attr("weight").toTensor(),
                              random_data({6, 4, 3, 3}, 1) * factor.reshape({6, 1, 1, 1}), 1e-5,
                              1e-6));
}

// The reason for which the only batch norm stays.
std::string reason_in(const ff::FloatModel& model, const torch::Tensor& x) {
  const torch::Tensor before = model.forward({x}).toTensor().clone();
  const FoldReport report = ff::fold_batch_norms(model, x);
  EXPECT_TRUE(report.folded.empty());
  EXPECT_TRUE(same(model.forward({x}).toTensor(), before)) << "nothing changed";
  return report.left.empty() ? "" : report.left[0].reason;
}

struct NormedImpl : nn::Module {
  enum class Case { kShared, kReadTwice, kAfterRelu, kFirst };
  explicit NormedImpl(Case which)
      : which(which),
        conv(register_module("conv", nn::Conv2d(nn::Conv2dOptions(3, 3, 1)))),
        norm(register_module("norm", nn::BatchNorm2d(3))) {
    fill(norm, 3);
    eval();
  }
  torch::Tensor forward(const torch::Tensor& x) {
    switch (which) {
      case Case::kShared:
        return conv(norm(conv(x)));
      case Case::kReadTwice: {
        const torch::Tensor h = conv(x);
        return norm(h) + h;
      }
      case Case::kAfterRelu:
        return norm(torch::relu(conv(x)));
      case Case::kFirst:
        return conv(norm(x));
    }
    return x;
  }
  Case which;
  nn::Conv2d conv;
  nn::BatchNorm2d norm;
};

TEST(FoldBatchNorms, LeavesWhatCannotBeFoldedWithAReason) {
  using Case = NormedImpl::Case;
  const torch::Tensor x = random_data({2, 3, 4, 4}, 1);
  const auto reason = [&](Case which) { return reason_in(std::make_shared<NormedImpl>(which), x); };
  EXPECT_EQ(reason(Case::kShared),
            "the weights of conv.conv2d or its own are shared with other calls, or are no "
            "parameters");
  EXPECT_EQ(reason(Case::kReadTwice), "others read the result of conv.conv2d too");
  EXPECT_EQ(reason(Case::kAfterRelu),
            "its operand comes from conv.relu, which is no convolution or linear map");
  EXPECT_EQ(reason(Case::kFirst), "its operand is no result of an operator");
}

TEST(FoldBatchNorms, StatisticsOfTheBatch) {
  nn::Sequential net(nn::Conv2d(nn::Conv2dOptions(3, 3, 1)),
                     nn::BatchNorm2d(nn::BatchNorm2dOptions(3).track_running_stats(false)));
  net->eval();
  EXPECT_EQ(reason_in(net, random_data({2, 3, 4, 4}, 1)),
            "it normalizes by the statistics of the batch");
}

TEST(FoldBatchNorms, KeepsTheMode) {
  nn::BatchNorm2d norm(3);
  nn::Sequential net(nn::Conv2d(nn::Conv2dOptions(3, 3, 1)), norm);
  fill(norm, 3);
  const torch::Tensor x = random_data({2, 3, 4, 4}, 1), mean = norm->running_mean.clone();
  net->eval();
  const torch::Tensor before = net->forward(x);
  net->train();
  EXPECT_EQ(ff::fold_batch_norms(net, x).folded.size(), 1);
  EXPECT_TRUE(net->is_training());
  net->eval();
  EXPECT_TRUE(torch::allclose(net->forward(x), before, 1e-4, 1e-5));
}

TEST(FoldBatchNorms, ReportPrints) {
  FoldReport report;
  report.folded = {{"a.batch_norm", "a.conv2d"}};
  report.left = {{"b.batch_norm", "it is tired"}};
  std::ostringstream stream;
  stream << report;
  EXPECT_EQ(stream.str(),
            "a.batch_norm: folded into a.conv2d\n"
            "b.batch_norm: stays, it is tired\n");
}

}  // namespace
