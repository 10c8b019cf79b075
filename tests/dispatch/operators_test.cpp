#include "fastforward/dispatch/operators.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fastforward/dispatch/strict.h"
#include "fastforward/quantization/affine.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::dispatch::OperatorCall;
using ff::dispatch::Predicate;
using ff::dispatch::Registration;
using ff::test::floats;
using ff::test::same;

torch::Tensor example() {
  return ff::quantize_per_tensor(floats({-1, 2}), 0.5);
}

// A relu that says which one it is.
Registration answer(float number, const Predicate& predicate = nullptr, int priority = 0) {
  return ff::dispatch::register_operator(
      "aten::relu", "answers " + std::to_string(static_cast<int>(number)), predicate,
      [number](const at::Tensor&) { return torch::tensor(number); }, priority);
}

Predicate refuses(const std::string& reason) {
  return [reason](const OperatorCall&) { return std::optional(reason); };
}

float relu() {
  return torch::relu(example()).item<float>();
}

TEST(Operators, RegistrationLastsAsLongAsItsObject) {
  EXPECT_ERROR(c10::NotImplementedError, "strict quantization: aten::relu", relu());
  {
    const Registration one = answer(1);
    EXPECT_EQ(relu(), 1);
  }
  EXPECT_ERROR(c10::NotImplementedError, "strict quantization: aten::relu", relu());
}

TEST(Operators, RegistrationIsRemovedOnce) {
  Registration one = answer(1);
  const Registration two = answer(2);
  one.remove();
  one.remove();
  EXPECT_EQ(relu(), 2);
}

TEST(Operators, RegistrationMoves) {
  Registration outer;
  {
    Registration inner = answer(1);
    outer = std::move(inner);
  }
  EXPECT_EQ(relu(), 1);
  outer = answer(2);
  EXPECT_EQ(relu(), 2);
  outer = Registration();
  EXPECT_ERROR(c10::NotImplementedError, "aten::relu", relu());
}

TEST(Operators, HighestPriorityRunsThenTheLastRegistered) {
  const Registration low = answer(1, nullptr, -1);
  EXPECT_EQ(relu(), 1);
  const Registration first = answer(2);
  const Registration second = answer(3);
  EXPECT_EQ(relu(), 3) << "the last registered";
  const Registration high = answer(4, nullptr, 5);
  const Registration later = answer(5);
  EXPECT_EQ(relu(), 4) << "the highest priority";
}

TEST(Operators, PredicatesChoose) {
  const Registration all = answer(1);
  const Registration none = answer(2, refuses("not today"), 10);
  EXPECT_EQ(relu(), 1);
  const Registration only_vectors = answer(
      3,
      [](const OperatorCall& call) -> std::optional<std::string> {
        if (call[0].toTensor().dim() == 1)
          return std::nullopt;
        return "no vector";
      },
      5);
  EXPECT_EQ(relu(), 3);
  EXPECT_EQ(torch::relu(example().view({2, 1})).item<float>(), 1);
}

TEST(Operators, WhyNotListsTheRefusals) {
  const Registration a = answer(1, refuses("reason a"), 1);
  const Registration b = answer(2, refuses("reason b"), 2);
  const std::vector<c10::IValue> arguments = {example()};
  const auto refusals = ff::dispatch::why_not("aten::relu", arguments);
  ASSERT_EQ(refusals.size(), 4U);
  EXPECT_EQ(refusals[0].implementation, "answers 2");
  EXPECT_EQ(refusals[0].reason, "reason b");
  EXPECT_EQ(refusals[1].reason, "reason a");
  EXPECT_EQ(refusals[2].implementation, "table of codes");
  EXPECT_EQ(refusals[2].reason, "integers are off; turn them on with ff::IntegerGuard");
  EXPECT_EQ(refusals[3].implementation, "float, in blocks");
  const Registration takes = answer(3, nullptr, 2);
  EXPECT_TRUE(ff::dispatch::why_not("aten::relu", arguments).empty())
      << "of equal priority the last registered is asked first, and takes the call";
  EXPECT_ERROR(c10::ValueError, "why_not: LibTorch has no operator 'aten::nothing'",
               ff::dispatch::why_not("aten::nothing", {}));
  EXPECT_TRUE(ff::dispatch::why_not("aten::cumsum", {example(), 0, c10::IValue()}).empty());
}

TEST(Operators, StrictErrorsListTheReasons) {
  const Registration a = answer(1, refuses("reason a"));
  EXPECT_ERROR(c10::NotImplementedError, "\n  not 'answers 1': reason a", relu());
}

TEST(Operators, WhyNotOfBuiltinOnes) {
  const torch::Tensor q =
      ff::quantize_per_channel(torch::ones({2, 3}), torch::ones({3}), {}, ff::PerChannel(1));
  const auto refusals =
      ff::dispatch::why_not("aten::view", std::vector<c10::IValue>{q, std::vector<int64_t>{6}});
  ASSERT_EQ(refusals.size(), 1U);
  EXPECT_EQ(refusals[0].reason, "tiles of shape [2, 1] on [2, 3] are no tiles on [6]");
  const std::vector<c10::IValue> nothing = {c10::List<at::Tensor>(), int64_t{0}};
  for (const char* name : {"aten::cat", "aten::stack"}) {
    const auto empty = ff::dispatch::why_not(name, nothing);
    const auto last = std::find_if(empty.begin(), empty.end(), [](const auto& refusal) {
      return refusal.reason == "it has no tensors";
    });
    EXPECT_NE(last, empty.end()) << name;
  }
}

TEST(Operators, KernelsGetQuantizedArgumentsAndDefaults) {
  torch::Tensor seen;
  double alpha = 0;
  const Registration add = ff::dispatch::register_operator(
      "aten::add.Tensor", "sum", nullptr,
      [&](const at::Tensor& self, const at::Tensor& other, const at::Scalar& factor) {
        seen = other;
        alpha = factor.toDouble();
        return self;
      });
  const torch::Tensor q = example(), result = torch::ones({2}) + q;
  EXPECT_TRUE(ff::is_quantized(seen));
  EXPECT_EQ(alpha, 1) << "the default is filled in";
  EXPECT_FALSE(ff::is_quantized(result));
}

TEST(Operators, PlainCallsDoNotCome) {
  const Registration one = answer(1);
  EXPECT_TRUE(same(torch::relu(floats({-1, 2})), floats({0, 2})));
}

TEST(Operators, RunInRelaxedModeToo) {
  const Registration one = answer(1);
  const ff::StrictGuard relaxed(false);
  EXPECT_EQ(relu(), 1);
}

TEST(Operators, CallsKnowTheirArgumentsByName) {
  std::string text;
  const Registration add = ff::dispatch::register_operator(
      "aten::add.Tensor", "sum",
      [&](const OperatorCall& call) -> std::optional<std::string> {
        text = c10::str(call.schema().name(), " ", call.argument("alpha").toInt(), " ",
                        call.arguments().size(), " ", call[1].tagKind());
        EXPECT_ERROR(c10::ValueError, "aten::add has no argument 'beta'; its schema is: aten::add",
                     call.argument("beta"));
        return "only looking";
      },
      [](const at::Tensor& self, const at::Tensor&, const at::Scalar&) { return self; });
  EXPECT_ERROR(c10::NotImplementedError, "only looking", torch::add(example(), example(), 3));
  EXPECT_EQ(text, "aten::add 3 3 Tensor");
}

TEST(Operators, UnknownOperatorsAreRefused) {
  EXPECT_ERROR(c10::ValueError,
               "register_operator: LibTorch has no operator 'aten::rellu'; expected a name like "
               "aten::relu or aten::slice.Tensor.",
               ff::dispatch::register_operator("aten::rellu", "x", nullptr,
                                               [](const at::Tensor& self) { return self; }));
  EXPECT_ERROR(c10::ValueError, "'aten::add'",
               ff::dispatch::register_operator("aten::add", "without its overload", nullptr,
                                               [](const at::Tensor& self) { return self; }));
}

TEST(Operators, ThreadsMayRegisterWhileOthersCall) {
  const Registration base = answer(1);
  std::atomic<bool> stop = false;
  std::thread registering([&] {
    while (!stop)
      const Registration more = answer(2);
  });
  for (int i = 0; i < 300; ++i) {
    const float got = relu();
    EXPECT_TRUE(got == 1 || got == 2);
  }
  stop = true;
  registering.join();
  EXPECT_EQ(relu(), 1);
}

TEST(Operators, WhyNotNeedsAllArguments) {
  EXPECT_ERROR(c10::ValueError,
               "why_not: aten::split.Tensor takes 3 arguments (self, split_size, dim), got 0; give "
               "all of them, also those that have defaults.",
               ff::dispatch::why_not("aten::split.Tensor", {}));
  const std::vector<c10::IValue> one = {example()}, two = {example(), example()};
  EXPECT_ERROR(c10::ValueError, "aten::view takes 2 arguments (self, size), got 1",
               ff::dispatch::why_not("aten::view", one));
  EXPECT_ERROR(c10::ValueError, "aten::relu takes 1 argument (self), got 2",
               ff::dispatch::why_not("aten::relu", two));
}

}  // namespace
