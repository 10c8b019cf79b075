#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <optional>
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

template <typename T>
inline constexpr bool kIsOptional = false;
template <typename T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

/// A function pointer's type without noexcept.
template <typename Pointer>
struct MayThrow {
  using Type = Pointer;
};
template <typename Result, typename... Arguments>
struct MayThrow<Result (*)(Arguments...) noexcept> {
  using Type = Result (*)(Arguments...);
};

/// The type of &Derived::quantize without noexcept; void where there is not just one.
template <typename Derived, typename = void>
struct QuantizePointer {
  using Type = void;
};
template <typename Derived>
struct QuantizePointer<Derived, std::void_t<decltype(&Derived::quantize)>> {
  using Type = typename MayThrow<decltype(&Derived::quantize)>::Type;
};

/// The arguments of Derived::quantize after the data.
template <typename Function>
struct QuantizeSignature {
  static_assert(
      !sizeof(Function*),
      "quantize must be `static at::Tensor quantize(const at::Tensor& data, arguments...)`, "
      "or, in a QuantizationAutogradFunction, with AutogradContext* before the data; "
      "public, neither overloaded nor a template");
  using Tuple = std::tuple<>;
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
using ArgumentTuple = typename QuantizeSignature<typename QuantizePointer<Derived>::Type>::Tuple;

/// Whether Derived::dequantize takes codes and the arguments of quantize.
template <typename Derived, typename Tuple>
inline constexpr bool kDequantizes = false;
template <typename Derived, typename... Arguments>
inline constexpr bool kDequantizes<Derived, std::tuple<Arguments...>> =
    requires(const at::Tensor& codes, const Arguments&... arguments) {
  { Derived::dequantize(codes, arguments...) } -> std::convertible_to<at::Tensor>;
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
concept HasRestructure = requires {
  &T::restructure;
};

template <typename T>
struct WithoutOptional {
  using Type = T;
};
template <typename T>
struct WithoutOptional<std::optional<T>> {
  using Type = T;
};

/// Whether a conversion would cut off the fraction of a number.
template <typename Got, typename Wanted>
inline constexpr bool kCutsFraction =
    std::is_floating_point_v<typename WithoutOptional<std::decay_t<Got>>::Type>&&
        std::is_integral_v<typename WithoutOptional<Wanted>::Type>;

/// Converts one argument that the caller gave to the type that quantize takes.
template <typename Wanted, typename Got>
Wanted convert_argument(Got&& given) {
  constexpr bool converts = std::is_convertible_v<Got&&, Wanted>;
  static_assert(converts, "an argument does not convert to the type that quantize takes");
  static_assert(!kCutsFraction<Got, Wanted>,
                "an argument is a floating-point number, but quantize takes an integer or bool");
  if constexpr (converts) {
    auto value = static_cast<Wanted>(std::forward<Got>(given));
    if constexpr (std::is_same_v<Wanted, std::optional<at::Tensor>>) {
      if (value.has_value() && !value->defined())
        value.reset();
    }
    return value;
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
      return convert_argument<Wanted>(std::forward<Got>(std::get<index>(held)));
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

}  // namespace ff::detail
