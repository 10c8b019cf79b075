#include <gtest/gtest.h>
#include <torch/script.h>
#include <torch/torch.h>

#include <map>
#include <string>
#include <vector>

#include "fastforward/model/autoquantize.h"
#include "fastforward/model/calibrate.h"
#include "fastforward/model/presets.h"
#include "fastforward/model/sensitivity.h"
#include "fastforward/nn/disable_quantization.h"
#include "model/explicit_quantization.h"
#include "support/expect_error.h"
#include "support/tensors.h"

// Models whose forward is not a chain of functions: in-place operators, loops, branches, state.
namespace {

using ff::FloatModel;
using ff::Inputs;
using ff::QuantizedModel;
using ff::test::Names;
using ff::test::on_grid;
using ff::test::quantized;
using ff::test::quantizer_paths;
using ff::test::random_data;
using ff::test::same;
using ff::test::site_paths;
using ff::test::sorted;
namespace F = torch::nn::functional;

// What TORCH_WARN says, for a scope.
class Warnings final : public c10::WarningHandler {
 public:
  Warnings() : scope_(this) {}
  void process(const c10::Warning& warning) override {
    texts.push_back(warning.msg());
  }
  Names texts;

 private:
  c10::WarningUtils::WarningHandlerGuard scope_;
};

TEST(AutoquantizeFlow, InPlaceFunctionsOfResults) {
  const torch::Tensor w1 = random_data({4, 3}, 1), w2 = random_data({2, 4}, 2);
  const FloatModel net([=](const torch::Tensor& in) {
    const torch::Tensor h = torch::linear(in, w1);
    h.relu_();  // its result is not used, but h
    return torch::linear(h, w2);
  });
  const torch::Tensor x = random_data({6, 3}, 3);
  QuantizedModel model = quantized(net, x);
  EXPECT_EQ(sorted(quantizer_paths(model)),
            (Names{"inputs.0.output", "linear.weight", "linear_1.weight", "relu.output"}));
  const torch::Tensor h = torch::relu(
      torch::linear(on_grid(model, "inputs.0.output", x), on_grid(model, "linear.weight", w1)));
  const torch::Tensor expected =
      torch::linear(on_grid(model, "relu.output", h), on_grid(model, "linear_1.weight", w2));
  EXPECT_TRUE(same(model(x), expected));
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(same(model(x), expected)) << "and without gradients";
}

TEST(AutoquantizeFlow, InPlaceSumOfWhatIsReadOnAGrid) {
  // `h` is a copy of an input, which has a grid only for its readers.
  const torch::Tensor w = random_data({2, 3}, 1);
  const FloatModel net([=](const torch::Tensor& a, const torch::Tensor& b) {
    torch::Tensor h = a.clone();
    h += b;
    return torch::linear(h, w);
  });
  const torch::Tensor a = random_data({6, 3}, 2), b = random_data({6, 3}, 3);
  QuantizedModel model = quantized(net, Inputs{a, b});
  EXPECT_EQ(sorted(quantizer_paths(model)),
            (Names{"add.output", "inputs.0.output", "inputs.1.output", "linear.weight"}));
  const torch::Tensor sum =
      on_grid(model, "inputs.0.output", a) + on_grid(model, "inputs.1.output", b);
  EXPECT_TRUE(same(model(a, b), torch::linear(on_grid(model, "add.output", sum),
                                              on_grid(model, "linear.weight", w))));
}

TEST(AutoquantizeFlow, InPlaceOnWhatOthersReadToo) {
  const torch::Tensor w1 = random_data({3, 3}, 1), w2 = random_data({2, 3}, 2);
  const FloatModel net([=](const torch::Tensor& in) {
    torch::Tensor h = torch::linear(in, w1);
    const torch::Tensor weights = torch::softmax(h, -1);  // reads floats
    h += in;
    return torch::linear(h, w2) * weights.sum();
  });
  const torch::Tensor x = random_data({6, 3}, 3);
  QuantizedModel model = quantized(net, x);
  const torch::Tensor xq = on_grid(model, "inputs.0.output", x);
  const torch::Tensor h = torch::linear(xq, on_grid(model, "linear.weight", w1));
  const torch::Tensor sum = on_grid(model, "linear.output", h) + xq;
  EXPECT_TRUE(same(model(x), torch::linear(on_grid(model, "add.output", sum),
                                           on_grid(model, "linear_1.weight", w2)) *
                                 torch::softmax(h, -1).sum()));
}

TEST(AutoquantizeFlow, WritesThroughViews) {
  const torch::Tensor w1 = random_data({4, 3}, 1), w2 = random_data({2, 4}, 2);
  const FloatModel net([=](const torch::Tensor& in) {
    torch::Tensor h = torch::linear(in, w1);
    h.narrow(1, 0, 2).relu_();
    return torch::linear(h, w2);
  });
  const torch::Tensor x = random_data({6, 3}, 3);
  QuantizedModel model = ff::autoquantize(net, x);
  {
    const ff::DisableQuantization off{ff::nn::ModuleRef(model)};
    EXPECT_TRUE(same(model(x), net.forward({x}).toTensor()));
  }
  ff::calibrate(model, x);
  const torch::Tensor y = net.forward({x}).toTensor();
  EXPECT_LT((model(x) - y).abs().max().item<float>(), 0.1 * y.abs().max().item<float>());
  EXPECT_TRUE(model->coverage().unseen.empty());
}

// A branch on the data.
FloatModel branching(const torch::Tensor& w, const torch::Tensor& v) {
  return FloatModel([=](const torch::Tensor& in) {
    const torch::Tensor h = torch::linear(in, w);
    if (in.sum().item<float>() > 0)
      return torch::linear(torch::relu(h), v);
    return torch::linear(torch::sigmoid(h), v);
  });
}

TEST(AutoquantizeFlow, ABranchThatNoExampleTook) {
  const torch::Tensor w = random_data({4, 3}, 1), v = random_data({2, 4}, 2);
  const torch::Tensor x = torch::rand({6, 3});
  QuantizedModel model = quantized(branching(w, v), x);
  Warnings warnings;
  model(-x);
  model(-x);
  EXPECT_EQ(warnings.texts,
            (Names{"QuantizedModel: a call of aten::sigmoid was not in any example and runs in "
                   "float, as others may; coverage() counts them. Give autoquantize an example "
                   "that runs it."}));
  EXPECT_EQ(model->coverage().unseen, (std::map<std::string, int64_t>{{"aten::sigmoid", 2}}));
  const torch::Tensor h =
      torch::linear(on_grid(model, "inputs.0.output", -x), on_grid(model, "linear.weight", w));
  EXPECT_TRUE(
      same(model(-x), torch::linear(torch::sigmoid(h), on_grid(model, "linear_1.weight", v))));
  model->set_strict(true);
  EXPECT_ERROR(c10::ValueError,
               "QuantizedModel: no example showed this call of aten::sigmoid, so nothing says how "
               "to quantize it. Give autoquantize an example that runs it, or allow such calls "
               "with set_strict(false).",
               model(-x));
  EXPECT_NO_THROW(model(x));
}

// One reader in each example: the function is computed with the product in both.
TEST(AutoquantizeFlow, EachBranchHasItsFunction) {
  const torch::Tensor w = random_data({4, 3}, 1), v = random_data({2, 4}, 2);
  const torch::Tensor x = torch::rand({6, 3});
  QuantizedModel model = quantized(branching(w, v), std::vector<Inputs>{{x}, {-x}});
  EXPECT_EQ(site_paths(model), (Names{"linear", "sum", "relu", "linear_1", "sigmoid"}));
  EXPECT_EQ(model->coverage().calls[0].reason, "goes on in relu, sigmoid");
  EXPECT_TRUE(model->coverage().calls[0].is_quantized);
  model->set_strict(true);
  const auto hidden = [&](const torch::Tensor& in) {
    return torch::linear(on_grid(model, "inputs.0.output", in), on_grid(model, "linear.weight", w));
  };
  const torch::Tensor vq = on_grid(model, "linear_1.weight", v);
  EXPECT_TRUE(
      same(model(x), torch::linear(on_grid(model, "relu.output", torch::relu(hidden(x))), vq)));
  EXPECT_TRUE(same(
      model(-x), torch::linear(on_grid(model, "sigmoid.output", torch::sigmoid(hidden(-x))), vq)));
}

TEST(AutoquantizeFlow, LoopsMayRunMoreOftenThanInTheExample) {
  torch::jit::Module net("net");
  net.register_parameter("weight", random_data({3, 3}, 1), /*is_buffer=*/false);
  net.define(R"(
    def forward(self, x, times: int):
        for i in range(times):
            x = torch.tanh(torch.linear(x, self.weight))
        return x
  )");
  const torch::Tensor x = random_data({2, 3}, 2);
  QuantizedModel model = quantized(net, Inputs{x, int64_t{3}});
  EXPECT_EQ(sorted(quantizer_paths(model)),
            (Names{"inputs.0.output", "linear.weight", "tanh.output", "tanh_1.output"}));
  EXPECT_TRUE(torch::isfinite(model(x, int64_t{5})).all().item<bool>());
  const torch::Tensor w = on_grid(model, "linear.weight", random_data({3, 3}, 1));
  const torch::Tensor once = torch::tanh(torch::linear(on_grid(model, "inputs.0.output", x), w));
  const torch::Tensor twice = torch::tanh(torch::linear(on_grid(model, "tanh.output", once), w));
  EXPECT_TRUE(same(model(x, int64_t{2}), on_grid(model, "tanh_1.output", twice)))
      << "fewer: what would go on in the loop is returned";
  EXPECT_TRUE(model->coverage().unseen.empty());
}

// What a loop collects has its quantizer whatever the length.
TEST(AutoquantizeFlow, ListsMayBeLongerThanInTheExample) {
  torch::jit::Module net("net");
  net.register_parameter("weight", random_data({3, 3}, 1), /*is_buffer=*/false);
  net.register_parameter("last", random_data({2, 3}, 2), /*is_buffer=*/false);
  net.define(R"(
    def forward(self, x):
        all: List[Tensor] = []
        for i in range(x.size(1)):
            all.append(torch.softmax(torch.linear(x[:, i], self.weight), -1))
        return torch.linear(torch.stack(all, 1), self.last)
  )");
  QuantizedModel model = quantized(net, random_data({2, 3, 3}, 3));
  model->set_strict(true);
  for (const int64_t length : {1, 2, 5}) {
    const torch::Tensor x = random_data({2, length, 3}, 4);
    const torch::Tensor w = on_grid(model, "linear.weight", net.attr("weight").toTensor());
    const torch::Tensor all =
        torch::softmax(torch::linear(on_grid(model, "inputs.0.output", x), w), -1);
    EXPECT_TRUE(torch::allclose(
        model(x), torch::linear(on_grid(model, "stack.output", all),
                                on_grid(model, "linear_3.weight", net.attr("last").toTensor()))))
        << length;
  }
}

// Keeps a running state, as published voice detectors do.
struct StatefulImpl : torch::nn::Module {
  StatefulImpl()
      : fc(register_module("fc", torch::nn::Linear(3, 4))),
        back(register_module("back", torch::nn::Linear(4, 4))) {}
  torch::Tensor forward(const torch::Tensor& x) {
    torch::Tensor h = fc(x);
    if (state.defined())
      h = h + back(state);
    state = torch::tanh(h).detach();
    return state;
  }
  torch::nn::Linear fc, back;
  torch::Tensor state;
};

TEST(AutoquantizeFlow, StateBetweenCalls) {
  const auto net = std::make_shared<StatefulImpl>();
  const torch::Tensor x = random_data({2, 3}, 1);
  QuantizedModel model = ff::autoquantize(net, std::vector<Inputs>{{x}, {x}});
  net->state = torch::Tensor();
  ff::calibrate(model, std::vector<torch::Tensor>{x, x, x});
  model->set_strict(true);
  net->state = torch::Tensor();
  const torch::NoGradGuard no_grad;
  torch::Tensor state;
  for (int step = 0; step < 4; ++step) {
    torch::Tensor h = F::linear(on_grid(model, "inputs.0.output", x),
                                on_grid(model, "fc.addmm.weight", net->fc->weight), net->fc->bias);
    if (state.defined())
      h = h +
          F::linear(state, on_grid(model, "back.addmm.weight", net->back->weight), net->back->bias);
    state = torch::tanh(h);
    EXPECT_TRUE(same(model(x), state)) << "step " << step;
  }
}

// A state in buffers and attributes is put back: the model is only looked at.
TEST(AutoquantizeFlow, TheStateOfAModelIsLeftAsItWas) {
  torch::jit::Module net("net");
  net.register_parameter("weight", random_data({3, 3}, 1), /*is_buffer=*/false);
  net.register_buffer("h", torch::zeros({2, 3}));
  net.register_attribute("calls", c10::IntType::get(), int64_t{0});
  net.define(R"(
    def forward(self, x):
        self.calls = self.calls + 1
        self.h.copy_(torch.tanh(torch.linear(x + self.h, self.weight)))
        return self.h.clone()
  )");
  const torch::Tensor x = random_data({2, 3}, 2), state = net.attr("h").toTensor();
  const torch::Tensor first = net.deepcopy().forward({x}).toTensor();
  QuantizedModel model =
      ff::autoquantize(net, std::vector<Inputs>{{x}, {x}},
                       ff::presets::with_bits({.weight_bits = 16, .activation_bits = 16}));
  ff::calibrate(model, std::vector<torch::Tensor>{x, x, x});
  EXPECT_EQ(net.attr("calls").toInt(), 0);
  EXPECT_TRUE(same(state, torch::zeros({2, 3})));
  // Each pass begins with that state, so errors are those of 16 bits.
  const std::vector<Inputs> batches = {{x}, {x}, {x}};
  const ff::Sensitivity sensitivity = ff::sensitivity(model, batches, ff::sqnr);
  EXPECT_GT(sensitivity.all_on, 70);
  for (const ff::QuantizerSensitivity& line : sensitivity.quantizers)
    EXPECT_GT(line.metric, 70) << line.quantizer;
  for (const ff::QuantizerSensitivity& line : ff::sqnr_by_quantizer(model, batches))
    EXPECT_GT(line.metric, 70) << line.quantizer;
  EXPECT_TRUE(same(state, torch::zeros({2, 3})));
  EXPECT_TRUE(same(net.forward({x}).toTensor(), first));
}

// What a model forks is seen, and in the same order each time.
TEST(AutoquantizeFlow, ForksRunWhereTheyAreSeen) {
  const torch::jit::Module net = torch::jit::load(FF_MODEL_DATA "/fork.pt");
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(site_paths(ff::autoquantize(net, random_data({2, 3}, 4))),
              (Names{"linear", "linear_1", "add", "relu", "linear_2"}));
}

// The same with a state that is there from the beginning and goes into a product of matrices.
struct RecurrentImpl : torch::nn::Module {
  RecurrentImpl()
      : weight(register_parameter("weight", random_data({4, 4}, 1))), state(torch::zeros({2, 4})) {}
  torch::Tensor forward(const torch::Tensor& x) {
    state = torch::tanh(torch::mm(state, weight) + x).detach();
    return torch::mm(state, weight);
  }
  torch::Tensor weight, state;
};

TEST(AutoquantizeFlow, AStateIsNoWeight) {
  const auto net = std::make_shared<RecurrentImpl>();
  const torch::Tensor x = random_data({2, 4}, 2);
  QuantizedModel model = ff::autoquantize(net, x);
  EXPECT_EQ(model->weight_places(), (Names{"matmul.weight"}));
  ff::calibrate(model, x);
  model->set_strict(true);
  net->state = torch::zeros({2, 4});
  const torch::Tensor w = on_grid(model, "matmul.weight", net->weight);
  const torch::NoGradGuard no_grad;
  torch::Tensor state = torch::zeros({2, 4});
  for (int step = 0; step < 3; ++step) {
    const torch::Tensor h = torch::mm(state, w) + on_grid(model, "inputs.0.output", x);
    state = on_grid(model, "tanh.output", torch::tanh(h));
    EXPECT_TRUE(same(model(x), torch::mm(state, w))) << "step " << step;
  }
}

TEST(AutoquantizeFlow, AQuantizedModelInsideAnother) {
  const torch::Tensor w = random_data({2, 3}, 1), x = random_data({6, 3}, 2);
  QuantizedModel inner =
      quantized(FloatModel([=](const torch::Tensor& in) { return torch::linear(in, w); }), x);
  const FloatModel outer([=](const torch::Tensor& in) mutable { return torch::relu(inner(in)); });
  EXPECT_ERROR(c10::NotImplementedError,
               "QuantizedModel: a quantized model, or a recording, ran inside the forward of "
               "another one. Quantize the outer model as a whole, with the plain inner model in "
               "it.",
               ff::autoquantize(outer, x));
  EXPECT_NO_THROW(outer.forward({x})) << "in float it may";
}

TEST(AutoquantizeFlow, ADropoutIsSeenInTraining) {
  struct DropImpl : torch::nn::Module {
    DropImpl()
        : fc(register_module("fc", torch::nn::Linear(3, 4))),
          out(register_module("out", torch::nn::Linear(4, 2))),
          drop(register_module("drop", torch::nn::Dropout(0.5))) {}
    torch::Tensor forward(const torch::Tensor& x) {
      return out(torch::tanh(drop(fc(x))));
    }
    torch::nn::Linear fc, out;
    torch::nn::Dropout drop;
  };
  const torch::Tensor x = random_data({6, 3}, 1);
  QuantizedModel model = quantized(std::make_shared<DropImpl>(), x);
  model->train();
  model->set_strict(true);
  EXPECT_NO_THROW(model(x));
  EXPECT_TRUE(model->coverage().unseen.empty());
}

}  // namespace
