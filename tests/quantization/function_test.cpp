#include "fastforward/quantization/function.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <optional>
#include <ostream>
#include <string>

#include "fastforward/dispatch/strict.h"
#include "fastforward/quantization/affine.h"
#include "fastforward/quantization/ste.h"
#include "fastforward/tensor/granularity.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::test::floats;
using ff::test::same;

// The tutorial's function.
struct MyFunction : ff::QuantizationFunction<MyFunction> {
  static torch::Tensor quantize(const torch::Tensor& data, int64_t num_bits, torch::Tensor scale) {
    const double bound = std::pow(2.0, num_bits - 1);
    return ff::round_ste(data / scale).clamp(-bound, bound - 1);
  }
  static torch::Tensor dequantize(const torch::Tensor& codes, int64_t, torch::Tensor scale) {
    return codes * scale;
  }
};

TEST(Function, AppliesTheUsersCode) {
  const torch::Tensor q = MyFunction::apply(floats({0.6, -1.2, 100}), 4, floats({0.5}));
  EXPECT_TRUE(ff::is_quantized(q));
  EXPECT_TRUE(same(ff::codes(q), floats({1, -2, 7})));
  EXPECT_TRUE(same(q.dequantize(), floats({0.5, -1, 3.5})));
}

TEST(Function, GradientsRunThroughBothFunctions) {
  const torch::Tensor data = floats({0.6, -1.2, 100}).requires_grad_();
  const torch::Tensor scale = floats({0.5}).requires_grad_();
  MyFunction::apply(data, 4, scale).dequantize().sum().backward();
  // By hand: clamped data has no gradient. d(codes * scale) = codes + scale * d(codes),
  // d(codes) = -data / scale^2 where not clamped: (1 - 1.2) + (-2 + 2.4) + 7.
  EXPECT_TRUE(same(data.grad(), floats({1, 1, 0})));
  EXPECT_NEAR(scale.grad().item<float>(), 7.2, 1e-5) << "float32 rounding of a few operations";
}

TEST(Function, NoGraphWithoutGradients) {
  const torch::Tensor scale = floats({0.5}).requires_grad_();
  const torch::NoGradGuard no_grad;
  EXPECT_FALSE(MyFunction::apply(floats({1}), 4, scale).dequantize().requires_grad());
}

TEST(Function, UnnamedArgumentsAreNumbered) {
  const auto bound = MyFunction::bind(4, floats({0.5}));
  EXPECT_EQ(ff::to_string(bound), "MyFunction(arg0=4, arg1=[0.5])");
  EXPECT_EQ(bound.rebind({{"arg0", int64_t{8}}}).argument("arg0").toInt(), 8);
}

// Every kind of argument.
struct ManyArguments : ff::QuantizationFunction<ManyArguments> {
  static torch::Tensor quantize(torch::Tensor data, int64_t integer, double number, bool flag,
                                const std::string& text, const torch::Tensor& tensor,
                                const ff::Granularity& granularity, at::ScalarType type,
                                std::optional<double> maybe_number,
                                std::optional<torch::Tensor> maybe_tensor) {
    seen =
        c10::str(integer, " ", number, " ", flag, " ", text, " ", tensor.numel(), " ", granularity,
                 " ", type, " ", maybe_number.value_or(-1), " ", maybe_tensor.has_value());
    return data;
  }
  static torch::Tensor dequantize(const torch::Tensor& codes, int64_t, double, bool,
                                  const std::string&, const torch::Tensor&, const ff::Granularity&,
                                  at::ScalarType, std::optional<double>,
                                  std::optional<torch::Tensor>) {
    return codes;
  }
  static inline std::string seen;
};

TEST(Function, TakesArgumentsOfManyTypes) {
  const torch::Tensor two = torch::ones({2});
  ManyArguments::apply(floats({1}), 3, 2, true, "word", two, ff::PerChannel(1), torch::kHalf, 0.5,
                       two);
  EXPECT_EQ(ManyArguments::seen, "3 2 1 word 2 PerChannel(1) Half 0.5 1");
  ManyArguments::apply(floats({1}), 3, 2.5F, false, "", two, ff::PerTensor(), torch::kHalf);
  EXPECT_EQ(ManyArguments::seen, "3 2.5 0  2 PerTensor() Half -1 0")
      << "trailing optionals may be left out";
}

TEST(Function, ArgumentsOfManyTypesAreListedAndRebound) {
  const auto bound =
      ManyArguments::bind(3, 2, true, "word", torch::ones({2}), ff::PerChannel(1), torch::kHalf);
  EXPECT_EQ(bound.argument("arg5").toStringRef(), "PerChannel(1)");
  EXPECT_TRUE(bound.argument("arg2").toBool());
  EXPECT_TRUE(bound.argument("arg7").isNone());
  const auto changed = bound.rebind({{"arg1", int64_t{7}}, {"arg7", 0.25}, {"arg3", "other"}});
  EXPECT_EQ(changed.argument("arg1").toDouble(), 7);
  EXPECT_EQ(changed.argument("arg7").toDouble(), 0.25);
  EXPECT_EQ(changed.argument("arg3").toStringRef(), "other");
  EXPECT_ERROR(c10::TypeError, "argument 'arg2' cannot be set from a value of type Int",
               bound.rebind({{"arg2", int64_t{1}}}));
  EXPECT_ERROR(c10::TypeError, "argument 'arg5' cannot be set", bound.rebind({{"arg5", "x"}}));
}

TEST(Function, RefusesIntegerBoolAndUndefinedData) {
  const torch::Tensor scale = floats({0.5});
  EXPECT_ERROR(c10::TypeError,
               "MyFunction: the data has type Int; expected float32, float64, bfloat16 or float16. "
               "Convert it with to(torch::kFloat).",
               MyFunction::apply(torch::ones({2}, torch::kInt), 4, scale));
  EXPECT_ERROR(c10::TypeError, "MyFunction: the data has type Bool",
               MyFunction::apply(torch::ones({2}, torch::kBool), 4, scale));
  EXPECT_ERROR(c10::TypeError, "MyFunction: the data is an undefined tensor",
               MyFunction::apply(torch::Tensor(), 4, scale));
}

TEST(Function, RefusesQuantizedData) {
  const torch::Tensor q = MyFunction::apply(floats({1, 2}), 4, floats({0.5}));
  EXPECT_ERROR(c10::ValueError,
               "MyFunction: the data of shape [2] is quantized already, with MyFunction(arg0=4, "
               "arg1=[0.5]); call dequantize() on it first.",
               MyFunction::apply(q, 4, floats({0.5})));
}

TEST(Function, ValuesHaveTheDatasType) {
  const torch::Tensor scale = torch::tensor(0.5F);
  for (const auto type : {torch::kDouble, torch::kHalf, torch::kBFloat16}) {
    const torch::Tensor q = MyFunction::apply(torch::ones({2}, type), 4, scale.to(type));
    EXPECT_EQ(q.scalar_type(), type);
    EXPECT_EQ(q.dequantize().scalar_type(), type);
  }
}

TEST(Function, AttachTakesCodesFromElsewhere) {
  const torch::Tensor q = MyFunction::attach(ff::test::int8s({3, -4}), 4, floats({0.5}));
  EXPECT_TRUE(same(q.dequantize(), floats({1.5, -2})));
}

// A function that says what it is.
struct Elementwise : ff::QuantizationFunction<Elementwise> {
  static constexpr bool kElementwise = true;
  static constexpr bool kMonotonic = true;
  static torch::Tensor quantize(const torch::Tensor& data, const torch::Tensor& scale) {
    return ff::round_ste(data / scale);
  }
  static torch::Tensor dequantize(const torch::Tensor& codes, const torch::Tensor& scale) {
    return codes * scale;
  }
};

TEST(Function, ElementwiseOnesFollowStructure) {
  const torch::Tensor data = floats({1, 4, 2, 3}).reshape({1, 1, 2, 2});
  const torch::Tensor q = Elementwise::apply(data, floats({0.5}));
  EXPECT_TRUE(ff::is_quantized(q.view({4})));
  EXPECT_TRUE(same(q.view({2, 2})[1].dequantize(), floats({2, 3})));
  EXPECT_EQ(torch::max_pool2d(q, 2).dequantize().item<float>(), 4);
}

TEST(Function, ElementwiseNeedsParametersOfOneElement) {
  const torch::Tensor q = Elementwise::apply(floats({1, 4}), floats({0.5, 0.25}));
  EXPECT_ERROR(c10::NotImplementedError,
               "Elementwise has a tensor argument of more than one element", q.view({2, 1}));
}

TEST(Function, OthersDoNotFollowStructure) {
  const torch::Tensor q = MyFunction::apply(floats({1, 4}), 4, floats({0.5}));
  EXPECT_ERROR(c10::NotImplementedError,
               "MyFunction does not say how its parameters follow a change of structure",
               q.view({2, 1}));
}

TEST(Function, RefusesUndefinedTensorArguments) {
  EXPECT_ERROR(c10::TypeError,
               "MyFunction: arg1 is an undefined tensor; give a tensor, or let quantize take a "
               "std::optional<at::Tensor>.",
               MyFunction::bind(4, torch::Tensor()));
  const auto bound = MyFunction::bind(4, floats({0.5}));
  EXPECT_ERROR(c10::TypeError, "MyFunction: arg1 is an undefined tensor",
               bound.rebind({{"arg1", torch::Tensor()}}));
}

template <int kNames>
struct Named : ff::QuantizationFunction<Named<kNames>> {
  static torch::Tensor quantize(const torch::Tensor& data, int64_t, int64_t) {
    return data;
  }
  static torch::Tensor dequantize(const torch::Tensor& codes, int64_t, int64_t) {
    return codes;
  }
  static std::vector<std::string> argument_names() {
    std::vector<std::string> names = {"a", kNames == 2 ? "a" : "b", "c"};
    names.resize(kNames);
    return names;
  }
};

TEST(Function, WrongNamesOfArgumentsAreErrors) {
  EXPECT_EQ(ff::to_string(Named<1>::bind(1, 2)), "Named<1>(a=1, arg1=2)");
  EXPECT_ERROR(c10::ValueError,
               "Named<3>::argument_names() gives 3 names, but quantize takes 2 arguments after the "
               "data; give one name for each.",
               Named<3>::bind(1, 2));
  EXPECT_ERROR(c10::ValueError,
               "Named<2>::argument_names() gives the name 'a' twice; give each argument a name of "
               "its own.",
               Named<2>::bind(1, 2));
}

// An argument without a default constructor, and others that IValue knows.
struct Level {
  explicit Level(int number) : number(number) {}
  int number;
  friend std::ostream& operator<<(std::ostream& stream, const Level& level) {
    return stream << "level " << level.number;
  }
};
struct Special : ff::QuantizationFunction<Special> {
  static torch::Tensor quantize(const torch::Tensor& data, at::Device, at::ScalarType,
                                std::optional<at::Device>, std::optional<Level>,
                                std::optional<int8_t>) noexcept {
    return data;
  }
  static torch::Tensor dequantize(const torch::Tensor& codes, at::Device, at::ScalarType,
                                  std::optional<at::Device>, std::optional<Level>,
                                  std::optional<int8_t>) noexcept {
    return codes;
  }
};

TEST(Function, TakesOptionalsOfAnyType) {
  const auto bound = Special::bind(torch::Device(torch::kCPU), torch::kHalf);
  EXPECT_EQ(ff::to_string(bound), "Special(arg0=cpu, arg1=5, arg2=None, arg3=None, arg4=None)");
  const auto more = bound.rebind({{"arg0", torch::Device(torch::kMeta)},
                                  {"arg1", torch::kFloat},
                                  {"arg2", torch::Device(torch::kCPU)},
                                  {"arg4", int64_t{7}}});
  EXPECT_EQ(ff::to_string(more), "Special(arg0=meta, arg1=6, arg2=cpu, arg3=None, arg4=7)");
  EXPECT_TRUE(more.rebind({{"arg2", c10::IValue()}}).argument("arg2").isNone());
  const auto level = Special::bind(torch::kCPU, torch::kHalf, std::nullopt, Level(3));
  EXPECT_EQ(level.argument("arg3").toStringRef(), "level 3");
  EXPECT_ERROR(c10::TypeError, "argument 'arg3' cannot be set", bound.rebind({{"arg3", "x"}}));
  EXPECT_ERROR(c10::TypeError, "argument 'arg4' cannot be set from a value of type Int",
               bound.rebind({{"arg4", int64_t{1000}}}));
}

}  // namespace
