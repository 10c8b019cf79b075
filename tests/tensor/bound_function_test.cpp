#include "fastforward/tensor/bound_function.h"

#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "fastforward/quantization/affine.h"
#include "fastforward/quantization/function.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::test::floats;
using ff::test::same;

// values = codes * scale + shift
struct ShiftFunction : ff::QuantizationFunction<ShiftFunction> {
  static torch::Tensor quantize(const torch::Tensor& data, const torch::Tensor& scale,
                                std::optional<torch::Tensor> shift, int64_t bits) {
    return ((data - shift.value_or(torch::zeros({1}))) / scale)
        .round()
        .clamp(-(1 << (bits - 1)), (1 << (bits - 1)) - 1);
  }
  static torch::Tensor dequantize(const torch::Tensor& codes, const torch::Tensor& scale,
                                  std::optional<torch::Tensor> shift, int64_t) {
    return codes * scale + shift.value_or(torch::zeros({1}));
  }
  static std::vector<std::string> argument_names() {
    return {"scale", "shift", "bits"};
  }
};

ff::BoundQuantizationFunction bound(const torch::Tensor& scale) {
  return ShiftFunction::bind(scale, std::nullopt, 4);
}

TEST(BoundFunction, QuantizesAndDequantizes) {
  const ff::BoundQuantizationFunction function = bound(floats({0.5}));
  const torch::Tensor data = floats({0.6, -1.2, 100});
  const torch::Tensor q = function.quantize(data);
  EXPECT_TRUE(ff::is_quantized(q));
  EXPECT_TRUE(same(ff::codes(q), floats({1, -2, 7})));
  EXPECT_TRUE(same(function.dequantize(ff::codes(q)), floats({0.5, -1, 3.5})));
  EXPECT_TRUE(same(function(data).dequantize(), floats({0.5, -1, 3.5})));
  EXPECT_EQ(function.dequantize(ff::codes(q), torch::kDouble).scalar_type(), torch::kDouble);
}

TEST(BoundFunction, KnowsNameAndArguments) {
  const ff::BoundQuantizationFunction function = bound(floats({0.5}));
  EXPECT_EQ(function.name(), "ShiftFunction");
  const std::vector<ff::BoundArgument> arguments = function.arguments();
  ASSERT_EQ(arguments.size(), 3U);
  EXPECT_EQ(arguments[0].name, "scale");
  EXPECT_TRUE(same(arguments[0].value.toTensor(), floats({0.5})));
  EXPECT_TRUE(arguments[1].value.isNone());
  EXPECT_EQ(function.argument("bits").toInt(), 4);
  EXPECT_ERROR(c10::ValueError,
               "ShiftFunction has no argument 'num_bits'; its arguments are: scale, shift, bits.",
               function.argument("num_bits"));
}

TEST(BoundFunction, RebindReplacesSomeArguments) {
  const ff::BoundQuantizationFunction before = bound(floats({0.5}));
  const auto after = before.rebind({{"bits", int64_t{2}}, {"shift", floats({1})}});
  EXPECT_EQ(after.argument("bits").toInt(), 2);
  EXPECT_TRUE(same(after.argument("scale").toTensor(), floats({0.5})));
  EXPECT_TRUE(same(after.dequantize(floats({2})), floats({2})));
  EXPECT_EQ(before.argument("bits").toInt(), 4) << "the old function stays";
  EXPECT_TRUE(after.rebind({{"shift", c10::IValue()}}).argument("shift").isNone());
}

TEST(BoundFunction, RebindRefusesOtherNamesAndTypes) {
  const ff::BoundQuantizationFunction function = bound(floats({0.5}));
  EXPECT_ERROR(c10::ValueError, "has no argument 'offset'",
               function.rebind({{"offset", floats({1})}}));
  EXPECT_ERROR(c10::TypeError,
               "ShiftFunction::rebind: argument 'bits' cannot be set from a value of type Tensor",
               function.rebind({{"bits", floats({1})}}));
}

TEST(BoundFunction, SharesItsTensorsUntilCloned) {
  const torch::Tensor scale = floats({0.5});
  const ff::BoundQuantizationFunction function = bound(scale), clone = function.clone();
  scale.fill_(2);
  EXPECT_TRUE(same(function.dequantize(floats({3})), floats({6})));
  EXPECT_TRUE(same(clone.dequantize(floats({3})), floats({1.5})));
}

TEST(BoundFunction, CloneIsDifferentiableAndDetachIsNot) {
  const torch::Tensor scale = floats({0.5}).requires_grad_();
  const ff::BoundQuantizationFunction function = bound(scale);
  const torch::Tensor y = function.clone().dequantize(floats({3}));
  EXPECT_TRUE(same(torch::autograd::grad({y}, {scale})[0], floats({3})));
  EXPECT_FALSE(function.detach().dequantize(floats({3})).requires_grad());
}

TEST(BoundFunction, MovesToADevice) {
  const auto moved = bound(floats({0.5})).to(torch::kMeta);
  EXPECT_TRUE(moved.argument("scale").toTensor().is_meta());
}

TEST(BoundFunction, EqualComparesValues) {
  EXPECT_TRUE(bound(floats({0.5})).equal(bound(floats({0.5}))));
  EXPECT_FALSE(bound(floats({0.5})).equal(bound(floats({0.25}))));
  EXPECT_FALSE(bound(floats({0.5})).equal(bound(floats({0.5, 0.5}))));
  EXPECT_FALSE(bound(floats({0.5})).equal(bound(floats({0.5}).to(torch::kDouble))));
  EXPECT_FALSE(bound(floats({0.5})).equal(ShiftFunction::bind(floats({0.5}), std::nullopt, 5)));
  EXPECT_FALSE(bound(floats({0.5})).equal(ShiftFunction::bind(floats({0.5}), floats({0}), 4)));
  EXPECT_FALSE(bound(floats({0.5}))
                   .equal(ff::AffineQuantizationFunction::bind(floats({0.5}), std::nullopt,
                                                               ff::PerTensor(), 4)));
}

TEST(BoundFunction, Prints) {
  EXPECT_EQ(ff::to_string(bound(floats({0.5}))), "ShiftFunction(scale=[0.5], shift=None, bits=4)");
  EXPECT_EQ(ff::to_string(ff::AffineQuantizationFunction::bind(
                torch::full({10}, 0.25), torch::tensor(2.0F), ff::PerChannel(0), 8)),
            "AffineQuantizationFunction(scale=[0.25, 0.25, 0.25, 0.25, ... 10 in all], offset=2, "
            "granularity=PerChannel(0), num_bits=8, codes_dtype=None)");
  EXPECT_EQ(ff::to_string(bound(torch::zeros({2}, torch::kMeta))),
            "ShiftFunction(scale=meta[2], shift=None, bits=4)");
}

TEST(BoundFunction, AttachTakesCodesAsTheyAre) {
  const ff::BoundQuantizationFunction function = bound(floats({0.5}));
  const torch::Tensor q = function.attach(ff::test::int8s({1, -2}));
  EXPECT_EQ(q.scalar_type(), torch::kFloat);
  EXPECT_TRUE(same(q.dequantize(), floats({0.5, -1})));
  EXPECT_EQ(function.attach(floats({1}).to(torch::kDouble)).scalar_type(), torch::kDouble);
  EXPECT_EQ(function.attach(floats({1}), torch::kHalf).dequantize().scalar_type(), torch::kHalf);
  EXPECT_ERROR(c10::TypeError, "ShiftFunction: the values cannot have type Int",
               function.attach(floats({1}), torch::kInt));
}

TEST(BoundFunction, RefusesQuantizedCodesAndNull) {
  const ff::BoundQuantizationFunction function = bound(floats({0.5}));
  const torch::Tensor q = function.quantize(floats({1, 2}));
  EXPECT_ERROR(c10::ValueError, "ShiftFunction::dequantize got a quantized tensor of shape [2]",
               function.dequantize(q));
  EXPECT_ERROR(c10::ValueError, "BoundQuantizationFunction got a null implementation",
               ff::BoundQuantizationFunction(nullptr));
}

TEST(BoundFunction, RestructureSaysWhyNot) {
  const auto restructured =
      bound(floats({0.5, 0.25})).restructure({ff::StructuralChange::Reshape{}, {2}, {2, 1}});
  EXPECT_FALSE(restructured.function.has_value());
  EXPECT_EQ(restructured.why_not,
            "ShiftFunction does not say how its parameters follow a change of structure");
  EXPECT_FALSE(bound(floats({0.5})).is_monotonic());
  EXPECT_TRUE(ff::AffineQuantizationFunction::bind(floats({0.5}), std::nullopt, ff::PerTensor(), 4)
                  .is_monotonic());
}

TEST(BoundFunction, DequantizeRefusesUndefinedCodes) {
  EXPECT_ERROR(c10::TypeError,
               "ShiftFunction::dequantize got an undefined tensor; it takes plain codes "
               "(ff::codes).",
               bound(floats({0.5})).dequantize(torch::Tensor()));
}

// Is compared by its key, and prints always the same.
struct Keyed {
  int key = 0;
  bool operator==(const Keyed&) const = default;
  friend std::ostream& operator<<(std::ostream& stream, const Keyed&) {
    return stream << "Keyed";
  }
};
// Cannot be compared.
struct Opaque {
  int key = 0;
  friend std::ostream& operator<<(std::ostream& stream, const Opaque&) {
    return stream << "Opaque";
  }
};
template <typename Argument>
struct With : ff::QuantizationFunction<With<Argument>> {
  static constexpr bool kElementwise = true;
  static torch::Tensor quantize(const torch::Tensor& data, const Argument&) {
    return data;
  }
  static torch::Tensor dequantize(const torch::Tensor& codes, const Argument&) {
    return codes;
  }
};

TEST(BoundFunction, EqualComparesArgumentsOfTheUsersTypes) {
  EXPECT_TRUE(With<Keyed>::bind(Keyed{1}).equal(With<Keyed>::bind(Keyed{1})));
  EXPECT_FALSE(With<Keyed>::bind(Keyed{1}).equal(With<Keyed>::bind(Keyed{2})));
  const auto opaque = With<Opaque>::bind(Opaque{1});
  const ff::BoundQuantizationFunction copy = opaque;
  EXPECT_TRUE(opaque.equal(copy)) << "the same implementation";
  EXPECT_FALSE(opaque.equal(With<Opaque>::bind(Opaque{1}))) << "nothing says that they are equal";
}

TEST(BoundFunction, NamesOfTemplatesKeepTheirArguments) {
  EXPECT_EQ(With<std::optional<int>>::bind().name(), "With<std::optional<int> >");
  EXPECT_NE(With<Keyed>::bind(Keyed{}).name().find("With<"), std::string::npos);
}

}  // namespace
