#include <torch/torch.h>

#include <functional>
#include <sstream>
#include <string>

#include "fastforward/dispatch/integer_guard.h"
#include "fastforward/model/autoquantize.h"
#include "fastforward/model/calibrate.h"
#include "fastforward/model/parity.h"
#include "fastforward/nn/disable_quantization.h"
#include "model/integer_net.h"
#include "support/tensors.h"

// What coverage and parity say of models in integers.
namespace {

using ff::test::how;
using ff::test::images;
using ff::test::net;
using ff::test::random_data;
using Function = std::function<torch::Tensor(const torch::Tensor&)>;

TEST(IntegerCoverage, IsThatOfTheLastRun) {
  const at::NoGradGuard no_grad;
  ff::QuantizedModel model = net();
  model->to_integer();
  model(images(2));
  EXPECT_EQ(how(model, "first.conv2d"), "codes");
  EXPECT_EQ(how(model, "norm.relu"), "codes");
  {
    const ff::DisableQuantization off(model);
    model(images(2));
    EXPECT_EQ(how(model, "first.conv2d"), "float: no operand is in codes");
    EXPECT_EQ(how(model, "norm.relu"), "float: no operand is in codes");
  }
  model(images(2));
  EXPECT_EQ(how(model, "first.conv2d"), "codes");
  EXPECT_EQ(how(model, "norm.relu"), "codes");
}

TEST(IntegerCoverage, WiderWeightsAreNamed) {
  const at::NoGradGuard no_grad;
  ff::QuantizedModel model = net(ff::presets::with_bits({.weight_bits = 16, .activation_bits = 8}));
  model->to_integer();
  model(images(2));
  EXPECT_EQ(
      how(model, "second.conv2d"),
      "float: the weight's grid of second.conv2d: it has 16 bits, and integers take 8 at most");
}

TEST(IntegerCoverage, WritesToSharedMemoryStayInFloat) {
  const at::NoGradGuard no_grad;
  const torch::Tensor w = random_data({8, 3, 3, 3}, 2) * 0.3;
  const Function function = [=](const torch::Tensor& x) {
    torch::Tensor y = x;
    y.mul_(1);
    return torch::conv2d(y, w);
  };
  ff::QuantizedModel model = ff::autoquantize(ff::FloatModel(function), images(2));
  ff::calibrate(model, images(2));
  model->to_integer();
  model(images(2));
  EXPECT_EQ(how(model, "mul"), "float: it writes to memory that others see");
  for (const ff::SiteParity& site : ff::parity(model, images(2)).sites)
    EXPECT_EQ(site.is_integer, site.site == "conv2d") << site.site;
}

TEST(IntegerCoverage, ParityCountsWhatRunsInIntegers) {
  const at::NoGradGuard no_grad;
  ff::QuantizedModel model = net(ff::presets::with_bits({.weight_bits = 8, .activation_bits = 16}));
  const ff::Parity parity = ff::parity(model, images(2));
  EXPECT_EQ(parity.codes(), 0);
  std::ostringstream text;
  text << parity;
  EXPECT_NE(text.str().find("no site gives codes in integers\n"), std::string::npos) << text.str();
}

}  // namespace
