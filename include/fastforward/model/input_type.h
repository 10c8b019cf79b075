#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <algorithm>
#include <concepts>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

/// How inputs become the parameters of a forward in C++.
namespace ff::detail {

/// A parameter of type `Type` from an IValue: `is(value)` says whether it converts, `get(value)`
/// converts it. Without definition for types that no IValue converts to.
template <typename Type>
struct InputAs;

/// A type of parameter that an IValue converts to.
template <typename Type>
concept InputType = requires(const c10::IValue& value) {
  { InputAs<Type>::is(value) } -> std::same_as<bool>;
};

/// A tensor.
template <>
struct InputAs<at::Tensor> {
  static bool is(const c10::IValue& value) {
    return value.isTensor();
  }
  static at::Tensor get(const c10::IValue& value) {
    return value.toTensor();
  }
};

/// A bool.
template <>
struct InputAs<bool> {
  static bool is(const c10::IValue& value) {
    return value.isBool();
  }
  static bool get(const c10::IValue& value) {
    return value.toBool();
  }
};

/// An integer.
template <std::integral Type>
struct InputAs<Type> {
  static bool is(const c10::IValue& value) {
    return value.isInt();
  }
  static Type get(const c10::IValue& value) {
    return static_cast<Type>(value.toInt());
  }
};

/// A floating-point number; integers convert too.
template <std::floating_point Type>
struct InputAs<Type> {
  static bool is(const c10::IValue& value) {
    return value.isDouble() || value.isInt();
  }
  static Type get(const c10::IValue& value) {
    return static_cast<Type>(value.isInt() ? static_cast<double>(value.toInt()) : value.toDouble());
  }
};

/// A string.
template <>
struct InputAs<std::string> {
  static bool is(const c10::IValue& value) {
    return value.isString();
  }
  static std::string get(const c10::IValue& value) {
    return value.toStringRef();
  }
};

/// Something or None.
template <InputType Type>
struct InputAs<std::optional<Type>> {
  static bool is(const c10::IValue& value) {
    return value.isNone() || InputAs<Type>::is(value);
  }
  static std::optional<Type> get(const c10::IValue& value) {
    return value.isNone() ? std::nullopt : std::optional<Type>(InputAs<Type>::get(value));
  }
};

/// A list.
template <InputType Type>
struct InputAs<std::vector<Type>> {
  static bool is(const c10::IValue& value) {
    if (!value.isList())
      return false;
    const c10::List<c10::IValue> list = value.toList();
    return std::all_of(list.begin(), list.end(),
                       [](const c10::IValue& element) { return InputAs<Type>::is(element); });
  }
  static std::vector<Type> get(const c10::IValue& value) {
    std::vector<Type> result;
    for (const c10::IValue& element : value.toList().vec())
      result.push_back(InputAs<Type>::get(element));
    return result;
  }
};

/// A tuple.
template <InputType... Types>
struct InputAs<std::tuple<Types...>> {
  static bool is(const c10::IValue& value) {
    return value.isTuple() && value.toTupleRef().elements().size() == sizeof...(Types) &&
           is(value, std::index_sequence_for<Types...>());
  }
  static std::tuple<Types...> get(const c10::IValue& value) {
    return get(value, std::index_sequence_for<Types...>());
  }

 private:
  template <size_t... I>
  static bool is(const c10::IValue& value, std::index_sequence<I...>) {
    return (InputAs<Types>::is(value.toTupleRef().elements()[I]) && ...);
  }
  template <size_t... I>
  static std::tuple<Types...> get(const c10::IValue& value, std::index_sequence<I...>) {
    return {InputAs<Types>::get(value.toTupleRef().elements()[I])...};
  }
};

}  // namespace ff::detail
