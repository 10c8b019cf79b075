#include <gtest/gtest.h>
#include <torch/script.h>
#include <torch/torch.h>

#include <string>
#include <vector>

#include "fastforward/model/autoquantize.h"
#include "fastforward/model/calibrate.h"
#include "fastforward/nn/disable_quantization.h"
#include "model/explicit_quantization.h"
#include "support/tensors.h"

// TorchScript modules that are also run as they are: LibTorch keeps what it optimized then.
namespace {

using ff::QuantizedModel;
using ff::test::Names;
using ff::test::quantized;
using ff::test::random_data;
using ff::test::same;

torch::jit::Module module_of(const std::string& forward) {
  torch::jit::Module net("net");
  net.register_parameter("w", random_data({4, 4}, 1), false);
  net.register_parameter("v", random_data({4, 4}, 2), false);
  net.register_parameter("b", random_data({4}, 3), false);
  net.define("def forward(self, x):\n    " + forward + "\n");
  return net;
}

void run_plainly(const torch::jit::Module& net, const torch::Tensor& x) {
  const torch::NoGradGuard no_grad;
  for (int run = 0; run < 4; ++run)  // two of them to look, then optimized
    torch::jit::Module(net).forward({x});
}

Names sites_of(const QuantizedModel& model) {
  Names paths;
  for (const ff::Site& site : model->sites())
    paths.push_back(site.path);
  return paths;
}

class Script : public testing::TestWithParam<const char*> {};

TEST_P(Script, IsTheSameHoweverOftenItRanBefore) {
  const torch::Tensor x = random_data({4, 4}, 4);
  const torch::jit::Module fresh = module_of(GetParam()), warm = module_of(GetParam());
  run_plainly(warm, x);
  QuantizedModel of_fresh = quantized(fresh, x), of_warm = quantized(warm, x);
  EXPECT_EQ(sites_of(of_warm), sites_of(of_fresh));
  const torch::Tensor y = of_fresh(x);
  EXPECT_TRUE(same(of_warm(x), y));
  run_plainly(fresh, x);
  of_fresh->set_strict(true);
  EXPECT_TRUE(same(of_fresh(x), y));
}

TEST_P(Script, WithoutQuantizersGivesWhatTheModuleGives) {
  const torch::Tensor x = random_data({4, 4}, 4);
  torch::jit::Module net = module_of(GetParam());
  QuantizedModel model = quantized(net, x);
  const ff::DisableQuantization off{ff::nn::ModuleRef(model)};
  // Where LibTorch takes a sum out of addmm, it is rounded once more.
  const torch::jit::GraphOptimizerEnabledGuard as_written(false);
  EXPECT_TRUE(same(model(x), net.forward({x}).toTensor()));
}

// What LibTorch rewrites: products with one operand, additions to products, terms that are there
// twice.
INSTANTIATE_TEST_SUITE_P(
    Optimized, Script,
    testing::Values("return torch.relu(torch.addmm(self.b, x, self.w))",
                    "a = torch.linear(x, self.w)\n"
                    "    return torch.linear(torch.sigmoid(a) * torch.tanh(a) + torch.sigmoid(a), "
                    "self.v)",
                    "a = torch.linear(x, self.w)\n"
                    "    return torch.linear(torch.sqrt(a ** 2 + a ** 2), self.v)",
                    "a = torch.mm(x, self.w)\n"
                    "    b = torch.mm(x, self.v)\n"
                    "    c = torch.mm(x, self.w + 1)\n"
                    "    d = torch.mm(x, self.v + 1)\n"
                    "    return torch.linear(torch.cat([a, b, c, d]), self.v)",
                    "for i in range(4):\n"
                    "        x = torch.tanh(torch.linear(x, self.w))\n"
                    "    return x"));

}  // namespace
