#pragma once

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#include <c10/util/ArrayRef.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ff::model {

/// What an operator is to quantization.
enum class OperatorKind {
  kProduct,     ///< sums of products: operands want a grid, results get one
  kNorm,        ///< batch norm: folded into a product before it, else as kFloat
  kActivation,  ///< a function of each element of one tensor
  kArithmetic,  ///< a function of the elements of two tensors
  kAverage,     ///< sums of elements of one tensor
  kPass,        ///< results are elements of the operand, so its grid stays
  kStructural,  ///< moves elements and changes none
  kJoin,        ///< puts several tensors together: one grid for the result
  kLookup,      ///< rows of a weight
  kFloat        ///< computed in float; the operands need no grid
};

/// A line of the table: an operator with all its overloads, its in-place form included.
struct OperatorRule {
  /// LibTorch's name without "aten::".
  const char* name;
  /// The name that a site gets. Operators that compute the same have the same.
  const char* site;
  /// What it is.
  OperatorKind kind;
  /// Names of the arguments that are operands on a grid, separated by spaces.
  const char* operands = "";
  /// Names of the arguments that are weights.
  const char* weights = "";
  /// The name of the bias.
  const char* bias = "";
  /// The axis of the output channels in a weight; kNoAxis where the weight has none.
  int channel_axis = 0;
};

/// True if a position is among those of some arguments.
bool contains(const std::vector<size_t>& positions, size_t position);

/// No axis.
inline constexpr int kNoAxis = -100;

/// All lines.
const std::vector<OperatorRule>& operator_table();

/// The line of an operator, null if there is none. `name` is like "aten::relu_".
const OperatorRule* find_rule(std::string_view name);

/// An operator of LibTorch and what the table says of it, made once for each.
struct OperatorInfo {
  /// LibTorch's name, "aten::conv2d".
  std::string name;
  /// The name of its sites, "conv2d".
  std::string site;
  /// Its line, null for an operator that the table does not have.
  const OperatorRule* rule = nullptr;
  /// kFloat for an operator that the table does not have.
  OperatorKind kind = OperatorKind::kFloat;
  /// Of a product, the arguments on a grid; of others, the operands. Positions in the schema.
  std::vector<size_t> operands;
  /// Positions of the weights.
  std::vector<size_t> weights;
  /// Position of the bias, -1 if there is none.
  int bias = -1;
  /// Positions of the arguments that it writes to.
  std::vector<size_t> written;
  /// Whether any result is a tensor or holds tensors.
  bool gives_tensors = false;
  /// Number of arguments.
  size_t arguments = 0;
  /// Axis of the output channels in a weight, kNoAxis if unknown.
  int channel_axis = kNoAxis;
  /// Whether one call may be another operator than the next, see operator_info.
  bool depends_on_arguments = false;
  /// Whether a call may only hand on its operand, see hands_on.
  bool may_hand_on = false;
};

/// What is known of an operator in a call with these arguments: "_convolution" is a conv2d by its
/// weight, a hardtanh from 0 to 6 is a relu6. The reference stays valid.
const OperatorInfo& operator_info(const c10::OperatorHandle& op,
                                  c10::ArrayRef<c10::IValue> arguments);

/// True if the call only hands on its operand, maybe as a copy: contiguous, to, dropout in eval.
bool hands_on(const OperatorInfo& info, c10::ArrayRef<c10::IValue> arguments);

}  // namespace ff::model
