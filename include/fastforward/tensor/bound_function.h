#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "fastforward/core/api.h"

namespace ff {

/// A named argument of a bound quantization function.
struct FF_API BoundArgument {
  /// The argument's name, like "scale".
  std::string name;
  /// Its value. An argument of a type that IValue cannot hold (a Granularity) is here as the text
  /// that it prints.
  c10::IValue value;
};

/// A change of a tensor's structure that moves codes and never changes them.
///
/// `sizes` is the shape before, `new_sizes` after the change.
struct FF_API StructuralChange {
  /// The same elements in the same row-major order under another shape: view, reshape, squeeze,
  /// flatten, ...
  struct Reshape {};
  /// Result axis i is axis axes[i].
  struct Permute {
    /// A permutation of the axes, none negative.
    std::vector<int64_t> axes;
  };
  /// `length` indices of `axis`, from `start` on, `step` apart. `drop` removes the axis (length 1):
  /// select.
  struct Slice {
    /// The axis.
    int64_t axis;
    /// The first index.
    int64_t start;
    /// The number of indices kept.
    int64_t length;
    /// The distance between two indices.
    int64_t step;
    /// Whether the axis disappears.
    bool drop;
  };
  /// The given indices along `axis`, in any order, repeated or not.
  struct IndexSelect {
    /// The axis.
    int64_t axis;
    /// int64 or int32 indices, [n].
    at::Tensor index;
  };
  /// Broadcast to new_sizes; new axes come first.
  struct Expand {};
  /// Some axes change their size in a way that mixes neighbours or repeats them: pooling, cat of
  /// equal tensors.
  struct Resize {
    /// These axes.
    std::vector<int64_t> axes;
  };

  /// What changes.
  std::variant<Reshape, Permute, Slice, IndexSelect, Expand, Resize> kind;
  /// The shape before.
  std::vector<int64_t> sizes;
  /// The shape after.
  std::vector<int64_t> new_sizes;
};

/// A quantization function with all its arguments: quantizes data, and undoes that.
///
/// A value, cheap to copy, immutable and safe to share between threads. It holds the tensors it was
/// bound to, it does not copy them: a scale that an optimizer changes in place changes the function
/// too; clone() stops that.
class FF_API BoundQuantizationFunction {
 public:
  class Implementation;

  /// Either the function for the changed tensor, or the reason why there is none.
  struct Restructured;

  /// Takes an implementation, which must not be null. QuantizationFunction::bind makes one.
  explicit BoundQuantizationFunction(std::shared_ptr<const Implementation> implementation);

  /// Returns `data` as a quantized tensor. Data must be a floating-point tensor that is not
  /// quantized.
  at::Tensor quantize(const at::Tensor& data) const;
  /// Same as quantize.
  at::Tensor operator()(const at::Tensor& data) const {
    return quantize(data);
  }
  /// Returns the values of `codes`, a plain tensor such as ff::codes gives, of type `dtype` if that
  /// is given.
  at::Tensor dequantize(const at::Tensor& codes,
                        std::optional<at::ScalarType> dtype = std::nullopt) const;
  /// Makes a quantized tensor of `codes` that this function undoes, with values of type `dtype` (by
  /// default float32, or the type of the codes where that is a floating-point type). Nothing is
  /// computed or checked but the type.
  at::Tensor attach(const at::Tensor& codes,
                    std::optional<at::ScalarType> dtype = std::nullopt) const;

  /// Returns the function's name, like "MyQuantizationFunction".
  std::string name() const;
  /// Returns the arguments in the order of the function's signature.
  std::vector<BoundArgument> arguments() const;
  /// Returns the argument `name`. Throws c10::ValueError naming all arguments if there is none.
  c10::IValue argument(const std::string& name) const;
  /// Returns a function with some arguments replaced. Throws c10::ValueError for a name that the
  /// function does not have, c10::TypeError for a value of another type.
  BoundQuantizationFunction rebind(const std::vector<BoundArgument>& changes) const;

  /// Returns a function with a copy of each tensor argument. Differentiable.
  BoundQuantizationFunction clone() const;
  /// Returns a function whose tensor arguments are outside the autograd graph.
  BoundQuantizationFunction detach() const;
  /// Returns a function with its tensor arguments on `device`.
  BoundQuantizationFunction to(at::Device device) const;

  /// Returns the function for a tensor whose codes were moved by `change`, or why there is none.
  Restructured restructure(const StructuralChange& change) const;

  /// True if greater codes stand for greater values within each tile, so that a maximum can be
  /// taken of codes.
  bool is_monotonic() const;

  /// True if both are of the same type and have equal arguments: tensors are compared by value,
  /// other types with operator==. An argument that has none equals itself only, in a copy of the
  /// same bound function.
  bool equal(const BoundQuantizationFunction& other) const;

  /// Returns the implementation.
  const Implementation& implementation() const {
    return *implementation_;
  }

 private:
  std::shared_ptr<const Implementation> implementation_;
};

struct FF_API BoundQuantizationFunction::Restructured {
  /// The function, absent if there is none.
  std::optional<BoundQuantizationFunction> function;
  /// Why there is none.
  std::string why_not;
};

/// What a kind of bound function must offer. QuantizationFunction writes it for you.
class FF_API BoundQuantizationFunction::Implementation {
 public:
  virtual ~Implementation() = default;

  /// See BoundQuantizationFunction::name.
  virtual std::string name() const = 0;
  /// See BoundQuantizationFunction::quantize. `self` is the function that is asked.
  virtual at::Tensor quantize(const BoundQuantizationFunction& self,
                              const at::Tensor& data) const = 0;
  /// See BoundQuantizationFunction::dequantize.
  virtual at::Tensor dequantize(const at::Tensor& codes,
                                std::optional<at::ScalarType> dtype) const = 0;
  /// See BoundQuantizationFunction::arguments.
  virtual std::vector<BoundArgument> arguments() const = 0;
  /// See BoundQuantizationFunction::rebind.
  virtual std::shared_ptr<const Implementation> rebind(
      const std::vector<BoundArgument>& changes) const = 0;
  /// Returns a copy with `change` applied to every tensor argument.
  virtual std::shared_ptr<const Implementation> map_tensors(
      const std::function<at::Tensor(const at::Tensor&)>& change) const = 0;
  /// See BoundQuantizationFunction::restructure. By default there is no such function.
  virtual Restructured restructure(const BoundQuantizationFunction& self,
                                   const StructuralChange& change) const;
  /// See BoundQuantizationFunction::is_monotonic. Not known to be so by default.
  virtual bool is_monotonic() const {
    return false;
  }
  /// See BoundQuantizationFunction::equal; `other` is another object. By default they differ.
  virtual bool equal(const Implementation& other) const;
};

/// Writes the name and the arguments, like "AffineQuantizationFunction(scale=0.1, ...)". Large
/// tensors are summed up.
FF_API std::ostream& operator<<(std::ostream& stream, const BoundQuantizationFunction& function);

/// Returns what operator<< writes.
FF_API std::string to_string(const BoundQuantizationFunction& function);

}  // namespace ff
