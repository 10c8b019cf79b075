#include <gtest/gtest.h>
#include <torch/script.h>
#include <torch/torch.h>

#include <sstream>
#include <string>
#include <vector>

#include "fastforward/model/autoquantize.h"
#include "fastforward/model/calibrate.h"
#include "fastforward/model/summary.h"
#include "fastforward/storage/quantized_model.h"
#include "fastforward/storage/state.h"
#include "model/explicit_quantization.h"
#include "support/expect_error.h"
#include "support/temporary_folder.h"
#include "support/tensors.h"

// Saving and loading the quantizers of models that ff::autoquantize made.
namespace {

using ff::QuantizedModel;
using ff::test::random_data;
using ff::test::same;
using Names = std::vector<std::string>;

class AutoquantizedState : public ff::test::TemporaryFolder {};

// A convolution with a batch norm, a branch on the data, and a linear map.
struct NetImpl : torch::nn::Cloneable<NetImpl> {
  NetImpl() {
    reset();
  }
  void reset() override {
    conv = register_module("conv", torch::nn::Conv2d(torch::nn::Conv2dOptions(3, 4, 3)));
    norm = register_module("norm", torch::nn::BatchNorm2d(4));
    head = register_module("head", torch::nn::Linear(4, 2));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    torch::Tensor h = norm(conv(x));
    h = x.sum().item<float>() > 0 ? torch::relu(h) : torch::sigmoid(h);
    return head(h.mean({2, 3}));
  }
  torch::nn::Conv2d conv = nullptr;
  torch::nn::BatchNorm2d norm = nullptr;
  torch::nn::Linear head = nullptr;
};
TORCH_MODULE(Net);

std::vector<ff::Inputs> examples() {
  const torch::Tensor x = random_data({2, 3, 6, 6}, 1).abs();
  return {{x}, {-x}};
}

TEST_F(AutoquantizedState, IsTheSameOnASecondModel) {
  Net net;
  net->eval();
  QuantizedModel model = ff::autoquantize(net, examples(), ff::presets::w4a8());
  ff::calibrate(model, examples());
  ff::save_quantization_state(model, folder_ / "state");
  QuantizedModel other = ff::autoquantize(net, examples(), ff::presets::w8a8());
  EXPECT_TRUE(ff::load_quantization_state(other, folder_ / "state").is_complete());
  EXPECT_TRUE(other->uninitialized().empty());
  for (const ff::Inputs& inputs : examples())
    EXPECT_TRUE(same(other->run(inputs).toTensor(), model->run(inputs).toTensor()));
  QuantizedModel empty = ff::autoquantize(net, examples(), ff::QuantizationConfig());
  EXPECT_TRUE(ff::load_quantization_state(empty, folder_ / "state").is_complete());
  for (const ff::Inputs& inputs : examples())
    EXPECT_TRUE(same(empty->run(inputs).toTensor(), model->run(inputs).toTensor()));
}

TEST_F(AutoquantizedState, HasQuantizersThatNeverRanToo) {
  Net net;
  net->eval();
  QuantizedModel model = ff::autoquantize(net, examples());
  ff::calibrate(model, examples()[0][0].toTensor());
  EXPECT_EQ(model->uninitialized(), (Names{"norm.sigmoid.output", "norm.mean_1.output"}));
  ff::save_quantization_state(model, folder_ / "state");
  QuantizedModel other = ff::autoquantize(net, examples());
  EXPECT_TRUE(ff::load_quantization_state(other, folder_ / "state").is_complete());
  EXPECT_EQ(other->uninitialized(), (Names{"norm.sigmoid.output", "norm.mean_1.output"}));
  EXPECT_TRUE(same(other->run(examples()[0]).toTensor(), model->run(examples()[0]).toTensor()));
  EXPECT_ERROR(c10::ValueError,
               "2 quantizers have no range yet: norm.sigmoid.output, norm.mean_1.output",
               other->run(examples()[1]));
}

TEST_F(AutoquantizedState, OfTorchScript) {
  torch::jit::Module net("net");
  net.register_parameter("weight", random_data({4, 3}, 1), /*is_buffer=*/false);
  net.define("def forward(self, x):\n    return torch.linear(torch.relu(x), self.weight)\n");
  const torch::Tensor x = random_data({5, 3}, 2);
  QuantizedModel model = ff::autoquantize(net, x);
  ff::calibrate(model, x);
  ff::save_quantization_state(model, folder_ / "state");
  QuantizedModel other = ff::autoquantize(net.deepcopy(), x);
  EXPECT_TRUE(ff::load_quantization_state(other, folder_ / "state").is_complete());
  EXPECT_TRUE(same(other(x), model(x)));
}

TEST_F(AutoquantizedState, AFolderHasTheWeightsToo) {
  Net net, fresh;
  net->eval();
  fresh->eval();
  QuantizedModel model = ff::autoquantize(net, examples(), ff::presets::w4a8());
  ff::calibrate(model, examples());
  ff::save_quantized_model(model, folder_ / "model");
  QuantizedModel other = ff::autoquantize(fresh, examples(), ff::presets::w8a8());
  EXPECT_FALSE(same(other->float_model().forward(examples()[0]).toTensor(),
                    model->float_model().forward(examples()[0]).toTensor()));
  EXPECT_TRUE(ff::load_quantized_model(other, folder_ / "model").is_complete());
  EXPECT_TRUE(same(fresh->conv->weight, net->conv->weight)) << "the float model's own tensors";
  for (const ff::Inputs& inputs : examples())
    EXPECT_TRUE(same(other->run(inputs).toTensor(), model->run(inputs).toTensor()));
}

TEST_F(AutoquantizedState, OfAnotherModelIsRefused) {
  Net net;
  QuantizedModel model = ff::autoquantize(net, examples());
  ff::calibrate(model, examples());
  ff::save_quantization_state(model, folder_ / "state");
  torch::nn::Sequential other_net(torch::nn::Linear(3, 2));
  QuantizedModel other = ff::autoquantize(other_net, random_data({5, 3}, 2));
  EXPECT_ERROR(c10::ValueError, "conv.weight",
               ff::load_quantization_state(other, folder_ / "state"));
}

TEST_F(AutoquantizedState, SummaryOfAQuantizedModel) {
  Net net;
  QuantizedModel model = ff::autoquantize(net, examples());
  std::vector<std::string> paths;
  for (const auto& line : ff::summarize(model).quantizers)
    paths.push_back(line.name);
  EXPECT_EQ(paths, ff::test::quantizer_paths(model));
  std::ostringstream stream;
  stream << ff::summarize(model);
  EXPECT_NE(stream.str().find("conv.conv2d.weight"), std::string::npos);
  EXPECT_NE(stream.str().find("PerChannel(0)"), std::string::npos);
}

}  // namespace
