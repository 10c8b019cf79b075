#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <c10/util/Exception.h>
#include <c10/util/Type.h>

#include <concepts>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "fastforward/tensor/bound_function.h"

namespace torch::autograd {
struct AutogradContext;
}

/// What QuantizationFunction is made of; not for use by itself.
namespace ff::detail {

/// The arguments of Derived::quantize after the data.
template <typename Function>
struct QuantizeSignature {
  static_assert(
      !sizeof(Function*),
      "quantize must be `static at::Tensor quantize(const at::Tensor& data, arguments...)`, "
      "or, in a QuantizationAutogradFunction, with AutogradContext* before the data; "
      "neither overloaded nor a template");
};
template <typename... Arguments>
struct QuantizeSignature<at::Tensor (*)(const at::Tensor&, Arguments...)> {
  using Tuple = std::tuple<std::decay_t<Arguments>...>;
};
template <typename... Arguments>
struct QuantizeSignature<at::Tensor (*)(at::Tensor, Arguments...)> {
  using Tuple = std::tuple<std::decay_t<Arguments>...>;
};
template <typename... Arguments>
struct QuantizeSignature<at::Tensor (*)(torch::autograd::AutogradContext*, const at::Tensor&,
                                        Arguments...)> {
  using Tuple = std::tuple<std::decay_t<Arguments>...>;
};
template <typename... Arguments>
struct QuantizeSignature<at::Tensor (*)(torch::autograd::AutogradContext*, at::Tensor,
                                        Arguments...)> {
  using Tuple = std::tuple<std::decay_t<Arguments>...>;
};
/// The tuple of a function's bound arguments.
template <typename Derived>
using ArgumentTuple = typename QuantizeSignature<decltype(&Derived::quantize)>::Tuple;

template <typename T>
inline constexpr bool kIsOptional = false;
template <typename T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

template <typename T>
concept Printable = requires(std::ostream& stream, const T& value) {
  stream << value;
};
template <typename T>
concept NamesArguments = requires {
  { T::argument_names() } -> std::convertible_to<std::vector<std::string>>;
};
template <typename T>
concept Elementwise = T::kElementwise;
template <typename T>
concept Monotonic = T::kMonotonic;
template <typename T>
concept DequantizesAs = requires {
  &T::dequantize_as;
};
template <typename T>
concept Restructurable = requires(const BoundQuantizationFunction& self,
                                  const ArgumentTuple<T>& arguments,
                                  const StructuralChange& change) {
  {
    T::restructure(self, arguments, change)
    } -> std::same_as<BoundQuantizationFunction::Restructured>;
};

template <typename T>
c10::IValue to_ivalue(const T& value) {
  if constexpr (kIsOptional<T>) {
    return value.has_value() ? to_ivalue(*value) : c10::IValue();
  } else if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, at::Tensor> ||
                       std::is_same_v<T, std::string> || std::is_same_v<T, at::Device>) {
    return value;
  } else if constexpr (std::is_integral_v<T> || std::is_same_v<T, at::ScalarType>) {
    return static_cast<int64_t>(value);
  } else if constexpr (std::is_floating_point_v<T>) {
    return static_cast<double>(value);
  } else {
    static_assert(Printable<T>, "an argument of a quantization function needs operator<<");
    std::ostringstream stream;
    stream << value;
    return stream.str();
  }
}

/// Sets `target` from `value`; false if the types do not fit.
template <typename T>
bool from_ivalue(const c10::IValue& value, T& target) {
  if constexpr (kIsOptional<T>) {
    if (value.isNone()) {
      target.reset();
      return true;
    }
    typename T::value_type inner{};
    if (!from_ivalue(value, inner))
      return false;
    target = std::move(inner);
    return true;
  } else if constexpr (std::is_same_v<T, at::Tensor>) {
    if (value.isTensor())
      target = value.toTensor();
    return value.isTensor();
  } else if constexpr (std::is_same_v<T, bool>) {
    if (value.isBool())
      target = value.toBool();
    return value.isBool();
  } else if constexpr (std::is_integral_v<T> || std::is_same_v<T, at::ScalarType>) {
    if (value.isInt())
      target = static_cast<T>(value.toInt());
    return value.isInt();
  } else if constexpr (std::is_floating_point_v<T>) {
    if (value.isDouble())
      target = static_cast<T>(value.toDouble());
    if (value.isInt())
      target = static_cast<T>(value.toInt());
    return value.isDouble() || value.isInt();
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (value.isString())
      target = value.toStringRef();
    return value.isString();
  } else {
    return false;
  }
}

template <typename T>
void map_tensor(T& value, const std::function<at::Tensor(const at::Tensor&)>& change) {
  if constexpr (kIsOptional<T>) {
    if (value.has_value())
      map_tensor(*value, change);
  } else if constexpr (std::is_same_v<T, at::Tensor>) {
    if (value.defined())
      value = change(value);
  }
}

template <typename T>
bool has_one_element(const T& value) {
  if constexpr (kIsOptional<T>) {
    return !value.has_value() || has_one_element(*value);
  } else if constexpr (std::is_same_v<T, at::Tensor>) {
    return !value.defined() || value.numel() == 1;
  } else {
    return true;
  }
}

/// Converts what the caller gave to the argument types of Derived::quantize; missing optionals
/// become empty.
template <typename Derived, typename... Given>
ArgumentTuple<Derived> make_arguments(Given&&... given) {
  using Tuple = ArgumentTuple<Derived>;
  constexpr size_t kCount = std::tuple_size_v<Tuple>;
  static_assert(sizeof...(Given) <= kCount, "more arguments than quantize takes after the data");
  using Held = std::tuple<Given&&...>;
  Held held(std::forward<Given>(given)...);
  const auto pick = [&](auto position) {
    constexpr size_t index = decltype(position)::value;
    using Wanted = std::tuple_element_t<index, Tuple>;
    if constexpr (index < sizeof...(Given)) {
      using Got = std::tuple_element_t<index, Held>;
      static_assert(std::is_convertible_v<Got, Wanted> || std::is_arithmetic_v<std::decay_t<Got>>,
                    "an argument does not convert to the type that quantize takes");
      auto value = static_cast<Wanted>(std::forward<Got>(std::get<index>(held)));
      if constexpr (std::is_same_v<Wanted, std::optional<at::Tensor>>) {
        if (value.has_value() && !value->defined())
          value.reset();
      }
      return value;
    } else {
      static_assert(kIsOptional<Wanted>,
                    "an argument is missing: only a trailing std::optional may be left out");
      return Wanted(std::nullopt);
    }
  };
  return [&]<size_t... Index>(std::index_sequence<Index...>) {
    return Tuple{pick(std::integral_constant<size_t, Index>{})...};
  }
  (std::make_index_sequence<kCount>{});
}

/// Checks what every quantization function needs of its data.
FF_API void check_quantizable(const std::string& function, const at::Tensor& data);

/// A quantization function with a tuple of arguments.
template <typename Derived>
class BoundArguments final : public BoundQuantizationFunction::Implementation {
 public:
  using Tuple = ArgumentTuple<Derived>;

  explicit BoundArguments(Tuple arguments) : arguments_(std::move(arguments)) {}

  std::string name() const override {
    const std::string full = c10::demangle_type<Derived>();
    const size_t scope = full.rfind("::");
    return scope == std::string::npos ? full : full.substr(scope + 2);
  }

  at::Tensor quantize(const BoundQuantizationFunction& self,
                      const at::Tensor& data) const override {
    check_quantizable(name(), data);
    return Derived::quantize_with(self, data, arguments_);
  }

  at::Tensor dequantize(const at::Tensor& codes,
                        std::optional<at::ScalarType> dtype) const override {
    if constexpr (DequantizesAs<Derived>) {
      return std::apply(
          [&](const auto&... argument) {
            return Derived::dequantize_as(codes, dtype, argument...);
          },
          arguments_);
    } else {
      const at::Tensor values = std::apply(
          [&](const auto&... argument) { return Derived::dequantize(codes, argument...); },
          arguments_);
      return dtype.has_value() ? values.to(*dtype) : values;
    }
  }

  std::vector<BoundArgument> arguments() const override {
    std::vector<BoundArgument> list;
    visit(
        [&](const std::string& name, const auto& value) {
          list.push_back({name, to_ivalue(value)});
        },
        arguments_);
    return list;
  }

  std::shared_ptr<const BoundQuantizationFunction::Implementation> rebind(
      const std::vector<BoundArgument>& changes) const override {
    Tuple changed = arguments_;
    visit(
        [&](const std::string& name, auto& value) {
          for (const BoundArgument& change : changes) {
            if (change.name != name)
              continue;
            TORCH_CHECK_TYPE(from_ivalue(change.value, value), this->name(), "::rebind: argument '",
                             name, "' cannot be set from a value of type ", change.value.tagKind(),
                             "; give a value of the type that quantize takes, or use bind().");
          }
        },
        changed);
    return std::make_shared<BoundArguments>(std::move(changed));
  }

  std::shared_ptr<const BoundQuantizationFunction::Implementation> map_tensors(
      const std::function<at::Tensor(const at::Tensor&)>& change) const override {
    Tuple changed = arguments_;
    std::apply([&](auto&... value) { (map_tensor(value, change), ...); }, changed);
    return std::make_shared<BoundArguments>(std::move(changed));
  }

  BoundQuantizationFunction::Restructured restructure(
      const BoundQuantizationFunction& self, const StructuralChange& change) const override {
    if constexpr (Restructurable<Derived>) {
      return Derived::restructure(self, arguments_, change);
    } else if constexpr (Elementwise<Derived>) {
      const bool one = std::apply(
          [](const auto&... value) { return (has_one_element(value) && ...); }, arguments_);
      if (one)
        return {self, ""};
      return {std::nullopt, name() + " has a tensor argument of more than one element"};
    } else {
      return Implementation::restructure(self, change);
    }
  }

  bool is_monotonic() const override {
    return Monotonic<Derived>;
  }

 private:
  // Calls visitor(name, value) for each argument.
  template <typename Visitor, typename AnyTuple>
  static void visit(const Visitor& visitor, AnyTuple& arguments) {
    constexpr size_t kCount = std::tuple_size_v<Tuple>;
    std::vector<std::string> names;
    if constexpr (NamesArguments<Derived>)
      names = Derived::argument_names();
    for (size_t i = names.size(); i < kCount; ++i)
      names.push_back("arg" + std::to_string(i));
    [&]<size_t... Index>(std::index_sequence<Index...>) {
      (visitor(names[Index], std::get<Index>(arguments)), ...);
    }
    (std::make_index_sequence<kCount>{});
  }

  Tuple arguments_;
};

}  // namespace ff::detail
