#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>
#include <c10/util/Type.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/core/type_name.h"
#include "fastforward/quantization/argument_value.h"
#include "fastforward/quantization/quantize_signature.h"
#include "fastforward/tensor/bound_function.h"

/// What QuantizationFunction is made of; not for use by itself.
namespace ff::detail {

/// Checks what every quantization function needs of its data.
FF_API void check_quantizable(const std::string& function, const at::Tensor& data);

/// Throws c10::TypeError if a tensor argument is undefined.
FF_API void check_argument(const std::string& function, const std::string& name,
                           const at::Tensor& argument);

/// Returns `names` filled up to one for each of `count` arguments. Throws c10::ValueError if there
/// are more, or one is there twice.
FF_API std::vector<std::string> complete_names(const std::string& function,
                                               std::vector<std::string> names, size_t count);

/// A quantization function with a tuple of arguments.
template <typename Derived>
class BoundArguments final : public BoundQuantizationFunction::Implementation {
 public:
  using Tuple = ArgumentTuple<Derived>;

  explicit BoundArguments(Tuple arguments) : arguments_(std::move(arguments)) {
    visit(
        [](const std::string& name, const auto& value) {
          visit_tensor(value, [&](const at::Tensor& tensor) {
            check_argument(function_name(), name, tensor);
          });
        },
        arguments_);
  }

  /// The arguments as they were given.
  const Tuple& tuple() const {
    return arguments_;
  }

  /// Derived's name without its namespace.
  static const std::string& function_name() {
    static const std::string name = unqualified_name(c10::demangle_type<Derived>());
    return name;
  }

  std::string name() const override {
    return function_name();
  }

  at::Tensor quantize(const BoundQuantizationFunction& self,
                      const at::Tensor& data) const override {
    check_quantizable(function_name(), data);
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
      static_assert(kDequantizes<Derived, Tuple>,
                    "dequantize must be `static at::Tensor dequantize(const at::Tensor& codes, "
                    "arguments...)`, public, with the arguments that quantize takes after the "
                    "data, by value or by const reference");
      if constexpr (kDequantizes<Derived, Tuple>) {
        const at::Tensor values = std::apply(
            [&](const auto&... argument) { return Derived::dequantize(codes, argument...); },
            arguments_);
        return dtype.has_value() ? values.to(*dtype) : values;
      }
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
            auto converted = from_ivalue<std::decay_t<decltype(value)>>(change.value);
            TORCH_CHECK_TYPE(converted.has_value(), function_name(), "::rebind: argument '", name,
                             "' cannot be set from a value of type ", change.value.tagKind(),
                             "; give a value of the type that quantize takes, or use bind().");
            value = *std::move(converted);
          }
        },
        changed);
    return std::make_shared<BoundArguments>(std::move(changed));
  }

  std::shared_ptr<const BoundQuantizationFunction::Implementation> map_tensors(
      const std::function<at::Tensor(const at::Tensor&)>& change) const override {
    Tuple changed = arguments_;
    const auto map = [&](at::Tensor& tensor) { tensor = change(tensor); };
    std::apply([&](auto&... value) { (visit_tensor(value, map), ...); }, changed);
    return std::make_shared<BoundArguments>(std::move(changed));
  }

  BoundQuantizationFunction::Restructured restructure(
      const BoundQuantizationFunction& self, const StructuralChange& change) const override {
    static_assert(!HasRestructure<Derived> || Restructurable<Derived>,
                  "restructure must be `static ff::BoundQuantizationFunction::Restructured "
                  "restructure(const ff::BoundQuantizationFunction& self, const "
                  "ff::detail::ArgumentTuple<Function>& arguments, const ff::StructuralChange& "
                  "change)`, public");
    if constexpr (Restructurable<Derived>) {
      return Derived::restructure(self, arguments_, change);
    } else if constexpr (Elementwise<Derived>) {
      bool one = true;
      const auto look = [&](const at::Tensor& tensor) { one = one && tensor.numel() == 1; };
      std::apply([&](const auto&... value) { (visit_tensor(value, look), ...); }, arguments_);
      if (one)
        return {self, ""};
      return {std::nullopt, function_name() + " has a tensor argument of more than one element"};
    } else {
      return Implementation::restructure(self, change);
    }
  }

  bool is_monotonic() const override {
    return Monotonic<Derived>;
  }

  bool equal(const Implementation& other) const override {
    const auto* same = dynamic_cast<const BoundArguments*>(&other);
    if (same == nullptr)
      return false;
    return [&]<size_t... Index>(std::index_sequence<Index...>) {
      return (equal_values(std::get<Index>(arguments_), std::get<Index>(same->arguments_)) && ...);
    }
    (std::make_index_sequence<kCount>{});
  }

 private:
  static constexpr size_t kCount = std::tuple_size_v<Tuple>;

  static const std::vector<std::string>& names() {
    static const std::vector<std::string> names = [] {
      std::vector<std::string> given;
      if constexpr (NamesArguments<Derived>)
        given = Derived::argument_names();
      return complete_names(function_name(), std::move(given), kCount);
    }();
    return names;
  }

  // Calls visitor(name, value) for each argument.
  template <typename Visitor, typename AnyTuple>
  static void visit(const Visitor& visitor, AnyTuple& arguments) {
    [&]<size_t... Index>(std::index_sequence<Index...>) {
      (visitor(names()[Index], std::get<Index>(arguments)), ...);
    }
    (std::make_index_sequence<kCount>{});
  }

  Tuple arguments_;
};

}  // namespace ff::detail
