#include "fastforward/model/float_model.h"

#include <gtest/gtest.h>
#include <torch/script.h>
#include <torch/torch.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "fastforward/model/autoquantize.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::FloatModel;
using ff::Inputs;
using ff::test::floats;
using ff::test::random_data;
using ff::test::same;

struct DoubledImpl : torch::nn::Cloneable<DoubledImpl> {
  DoubledImpl() {
    reset();
  }
  void reset() override {
    fc = register_module("fc", torch::nn::Linear(3, 2));
    register_buffer("seen", torch::zeros({1}));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    return fc(x) * 2;
  }
  torch::nn::Linear fc = nullptr;
};
TORCH_MODULE(Doubled);

TEST(FloatModel, RunsAModule) {
  Doubled net;
  const torch::Tensor x = random_data({4, 3}, 1);
  const torch::Tensor expected = torch::linear(x, net->fc->weight, net->fc->bias) * 2;
  EXPECT_TRUE(same(FloatModel(net).forward({x}).toTensor(), expected)) << "by holder";
  EXPECT_TRUE(same(FloatModel(net.ptr()).forward({x}).toTensor(), expected)) << "by pointer";
}

TEST(FloatModel, RunsASequential) {
  torch::nn::Sequential net(torch::nn::Linear(3, 2), torch::nn::ReLU());
  const torch::Tensor x = random_data({4, 3}, 1);
  EXPECT_TRUE(same(FloatModel(net).forward({x}).toTensor(), net->forward(x)));
}

struct ManyImpl : torch::nn::Module {
  torch::Tensor forward(const torch::Tensor& a, torch::Tensor b, const torch::Tensor& c,
                        const torch::Tensor& d, const torch::Tensor& e) {
    return a + 2 * b + 4 * c + 8 * d + 16 * e;
  }
};

TEST(FloatModel, TakesManyTensors) {
  const FloatModel model(std::make_shared<ManyImpl>());
  const torch::Tensor one = torch::ones({1});
  EXPECT_EQ(model.forward({one, one, one, one, one}).toTensor().item<float>(), 31);
  EXPECT_EQ(model.forward({one, one, one, one, 2 * one}).toTensor().item<float>(), 47);
}

struct DefaultsImpl : torch::nn::Module {
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& y = {}) {
    return y.defined() ? x + y : x;
  }
};

TEST(FloatModel, ArgumentsWithDefaultsMayBeMissing) {
  const FloatModel model(std::make_shared<DefaultsImpl>());
  EXPECT_EQ(model.forward({torch::ones({1})}).toTensor().item<float>(), 1);
  EXPECT_EQ(model.forward({torch::ones({1}), torch::ones({1})}).toTensor().item<float>(), 2);
}

struct OptionalImpl : torch::nn::Module {
  torch::Tensor forward(const torch::Tensor& x, const std::optional<torch::Tensor>& y) {
    return y.has_value() ? x + *y : x;
  }
};

TEST(FloatModel, OptionalTensorsMayBeNone) {
  const FloatModel model(std::make_shared<OptionalImpl>());
  EXPECT_EQ(model.forward({torch::ones({1}), c10::IValue()}).toTensor().item<float>(), 1);
  EXPECT_EQ(model.forward({torch::ones({1}), torch::ones({1})}).toTensor().item<float>(), 2);
}

struct TypedImpl : torch::nn::Module {
  torch::Tensor forward(const torch::Tensor& x, int64_t repeats, double factor, bool negate,
                        const std::string& name) {
    const torch::Tensor y = x.repeat({repeats}) * factor;
    return name == "none" ? x : negate ? -y : y;
  }
};

TEST(FloatModel, TakesNumbersAndText) {
  const FloatModel model(std::make_shared<TypedImpl>());
  EXPECT_TRUE(
      same(model.forward({floats({1, 2}), int64_t{2}, 0.5, true, std::string("all")}).toTensor(),
           floats({-0.5, -1, -0.5, -1})));
}

struct ListedImpl : torch::nn::Module {
  torch::Tensor forward(const std::vector<torch::Tensor>& all,
                        const std::tuple<torch::Tensor, torch::Tensor>& pair) {
    return torch::cat(all) * std::get<0>(pair) + std::get<1>(pair);
  }
};

TEST(FloatModel, TakesListsAndPairs) {
  const FloatModel model(std::make_shared<ListedImpl>());
  EXPECT_TRUE(same(model
                       .forward({std::vector<torch::Tensor>{floats({1}), floats({2})},
                                 std::tuple(floats({3}), floats({4}))})
                       .toTensor(),
                   floats({7, 10})));
}

struct NestedImpl : torch::nn::Module {
  using State = std::tuple<torch::Tensor, std::vector<torch::Tensor>>;
  torch::Tensor forward(const torch::Tensor& x, const std::optional<State>& state, int power,
                        float factor, const std::vector<int64_t>& shape,
                        std::optional<bool> negate) {
    torch::Tensor y = x.pow(power) * factor;
    if (state.has_value())
      y = y + std::get<0>(*state) + std::get<1>(*state)[0];
    return (negate.value_or(false) ? -y : y).reshape(shape);
  }
};

TEST(FloatModel, TakesWhatIsMadeOfOtherInputs) {
  const FloatModel model(std::make_shared<NestedImpl>());
  const torch::Tensor x = floats({1, 2});
  const std::vector<int64_t> shape = {2, 1};
  EXPECT_TRUE(
      same(model.forward({x, c10::IValue(), int64_t{2}, 0.5, shape, c10::IValue()}).toTensor(),
           floats({0.5, 2}).reshape({2, 1})));
  const NestedImpl::State state{floats({1, 1}), {floats({2, 2})}};
  EXPECT_TRUE(same(model.forward({x, state, int64_t{2}, int64_t{3}, shape, true}).toTensor(),
                   floats({-6, -15}).reshape({2, 1})));
  EXPECT_ERROR(c10::TypeError,
               "cannot be called with 6 inputs (Tensor, Tuple[Tensor, List[Tensor]], int, int, "
               "List[int], float)",
               model.forward({x, state, int64_t{2}, int64_t{3}, shape, 1.0}));
}

struct ConstImpl : torch::nn::Module {
  torch::Tensor forward(const torch::Tensor& x) const {
    return x + 1;
  }
};

struct ConstTypedImpl : torch::nn::Module {
  torch::Tensor forward(const torch::Tensor& x, int64_t more) const {
    return x + more;
  }
};

TEST(FloatModel, ForwardMayBeConst) {
  const FloatModel model(std::make_shared<ConstImpl>());
  EXPECT_EQ(model.forward({torch::ones({1})}).toTensor().item<float>(), 2);
  const FloatModel typed(std::make_shared<ConstTypedImpl>());
  EXPECT_EQ(typed.forward({torch::ones({1}), int64_t{3}}).toTensor().item<float>(), 4);
}

struct SeveralImpl : torch::nn::Module {
  std::tuple<torch::Tensor, std::vector<torch::Tensor>> forward(const torch::Tensor& x) {
    return {x + 1, {x + 2, x + 3}};
  }
};

TEST(FloatModel, GivesTuplesAndLists) {
  const c10::IValue result =
      FloatModel(std::make_shared<SeveralImpl>()).forward({torch::zeros({1})});
  ASSERT_TRUE(result.isTuple());
  const auto& elements = result.toTupleRef().elements();
  EXPECT_EQ(elements[0].toTensor().item<float>(), 1);
  EXPECT_EQ(elements[1].toTensorVector().at(1).item<float>(), 3);
}

TEST(FloatModel, CallsWhatIsGiven) {
  Doubled net;
  const FloatModel model(net, [](DoubledImpl& called, const Inputs& inputs) {
    return called.forward(inputs[0].toTensor()) + inputs[1].toInt();
  });
  const torch::Tensor x = random_data({4, 3}, 1);
  EXPECT_TRUE(same(model.forward({x, int64_t{5}}).toTensor(), net->forward(x) + 5));
}

TEST(FloatModel, RunsAFunction) {
  const torch::Tensor w = random_data({3, 2}, 1), x = random_data({4, 3}, 2);
  const FloatModel one([&](const torch::Tensor& in) { return torch::relu(in.mm(w)); });
  EXPECT_TRUE(same(one.forward({x}).toTensor(), torch::relu(x.mm(w))));
  const FloatModel two(
      [](const torch::Tensor& a, const torch::Tensor& b) { return std::tuple(a + b, a - b); });
  EXPECT_TRUE(same(two.forward({x, x}).toTupleRef().elements()[1].toTensor(), x - x));
}

torch::jit::Module scripted() {
  torch::jit::Module module("Scripted");
  module.register_parameter("weight", random_data({2, 3}, 5), /*is_buffer=*/false);
  module.register_buffer("shift", random_data({2}, 6));
  module.define(R"(
    def forward(self, x, times: int = 1):
        return torch.relu(torch.linear(x, self.weight) * times + self.shift)
  )");
  return module;
}

TEST(FloatModel, RunsTorchScriptFromItsSource) {
  const torch::jit::Module module = scripted();
  const FloatModel model(module);
  const torch::Tensor x = random_data({4, 3}, 2);
  const torch::Tensor expected =
      torch::relu(torch::linear(x, random_data({2, 3}, 5)) * 3 + random_data({2}, 6));
  EXPECT_TRUE(same(model.forward({x, int64_t{3}}).toTensor(), expected));
  EXPECT_FALSE(model.is_training()) << "it has no attribute that says so";
  model.train();
  model.train(false);
  EXPECT_TRUE(same(model.clone().forward({x, int64_t{3}}).toTensor(), expected));
}

TEST(FloatModel, NamesTensorsAndOwners) {
  Doubled net;
  const FloatModel model(net);
  const auto tensors = model.source().tensors();
  ASSERT_EQ(tensors.size(), 3);
  EXPECT_EQ(tensors[0].name, "fc.weight");
  EXPECT_TRUE(tensors[0].tensor.is_same(net->fc->weight));
  EXPECT_FALSE(tensors[1].is_buffer);
  EXPECT_EQ(tensors[2].name, "seen");
  EXPECT_TRUE(tensors[2].is_buffer);
  EXPECT_EQ(model.source().owner("fc").class_name, "Linear");
  EXPECT_EQ(model.source().owner("fc").module, net->fc.ptr());
  EXPECT_EQ(model.source().owner("").module, net.ptr());
  EXPECT_EQ(FloatModel(scripted()).source().owner("").class_name, "Scripted");
}

TEST(FloatModel, CloneIsDeep) {
  Doubled net;
  const FloatModel copy = FloatModel(net).clone();
  const torch::Tensor x = random_data({4, 3}, 1), before = net->forward(x);
  {
    const torch::NoGradGuard no_grad;
    net->fc->weight.fill_(0);
  }
  EXPECT_TRUE(same(copy.forward({x}).toTensor(), before));
  EXPECT_ERROR(c10::NotImplementedError,
               "clone: the model is a function, and what it captures cannot be copied; give a "
               "torch::nn::Module or a torch::jit::Module.",
               FloatModel([](const torch::Tensor& in) { return in; }).clone());
}

TEST(FloatModel, TrainingMode) {
  Doubled net;
  const FloatModel model(net);
  EXPECT_TRUE(model.is_training());
  model.train(false);
  EXPECT_FALSE(net->fc->is_training());
  model.train();
  EXPECT_TRUE(net->is_training());
  EXPECT_FALSE(FloatModel([](const torch::Tensor& in) { return in; }).is_training());
}

TEST(FloatModel, RefusesOtherInputs) {
  const FloatModel model{Doubled()};
  const std::string rest =
      "give as many and such inputs as forward takes, or a function as second argument of "
      "FloatModel that calls it.";
  EXPECT_ERROR(c10::TypeError, "cannot be called with 2 inputs (Tensor, int); " + rest,
               model.forward({torch::ones({1, 3}), int64_t{1}}));
  EXPECT_ERROR(c10::TypeError, "cannot be called with 0 inputs (none); " + rest, model.forward({}));
  EXPECT_ERROR(c10::TypeError, "DoubledImpl", model.forward({}));
  EXPECT_ERROR(c10::TypeError, "cannot be called with 2 inputs (Tensor, Tensor)",
               FloatModel([](const torch::Tensor& x) {
                 return x;
               }).forward({torch::ones({1}), torch::ones({1})}));
  const FloatModel typed(std::make_shared<TypedImpl>());
  EXPECT_ERROR(c10::TypeError, "cannot be called with 5 inputs (Tensor, Tensor, float, bool, str)",
               typed.forward({torch::ones({1}), torch::ones({1}), 0.5, true, std::string("all")}));
}

TEST(FloatModel, RefusesNull) {
  EXPECT_ERROR(c10::ValueError,
               "FloatModel: the module is null; give one that was made, for example with "
               "std::make_shared.",
               FloatModel(std::shared_ptr<DoubledImpl>()));
}

TEST(FloatModel, RefusesAQuantizedModel) {
  const auto quantized = ff::autoquantize(Doubled(), torch::ones({1, 3}));
  EXPECT_ERROR(c10::NotImplementedError,
               "FloatModel: the model is a quantized model already; quantize the plain model that "
               "it was made of.",
               FloatModel(quantized.ptr()));
  const auto outer = std::make_shared<ManyImpl>();
  outer->register_module("inner", quantized.ptr());
  EXPECT_ERROR(c10::NotImplementedError, "FloatModel: 'inner' is a quantized model already",
               FloatModel(outer));
}

}  // namespace
