#pragma once

#include <ATen/core/ivalue.h>
#include <c10/util/SmallVector.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/operator_table.h"

namespace ff::model {

/// A value of the graph: an input, a parameter or buffer, or a result of a call. Its number says
/// where it comes from, and stays the same from one run of the model to the next.
using ValueId = int32_t;

/// A tensor that is the same for every input: made by the forward, or kept by the model.
inline constexpr ValueId kConstant = -1;
/// A tensor that is made of the inputs and holds no floating-point numbers, or has no axes: the
/// operators that read only such tensors are no calls of the graph until they give numbers again.
inline constexpr ValueId kData = -3;
/// A result of a call that no example showed.
inline constexpr ValueId kUnseen = -2;

/// A call reads a value.
struct Reader {
  /// The call.
  size_t call;
  /// Its operand.
  size_t operand;
  /// Equal if both are.
  bool operator==(const Reader&) const = default;
};

/// A value, see ValueId.
struct Value {
  /// What it is.
  enum class Kind { kInput, kParameter, kResult };
  /// What it is.
  Kind kind;
  /// Of an input "0", "1", ..., of a parameter its path.
  std::string name;
  /// The call that it is a result of.
  size_t call = 0;
  /// Which result of that call.
  size_t result = 0;
  /// Its shape in the first example.
  std::vector<int64_t> shape = {};
  /// Who reads it.
  std::vector<Reader> readers = {};
  /// How many of them there are in one example at most: less than all if they are in branches.
  size_t readers_at_once = 0;
  /// True if the model returns it.
  bool is_returned = false;
  /// True if its memory is written to after somebody has read it.
  bool is_written_later = false;
  /// Its axes in memory in the first example, the one with the longest stride first; empty if it
  /// was contiguous.
  std::vector<int64_t> axes_in_memory = {};
  /// True if it is known by several tensors that may share its memory: contiguous() and the like.
  bool is_handed_on = false;
  /// True if it is a parameter, or computed from parameters and constants only.
  bool is_of_parameters = false;
};

/// A tensor argument of a call, or one element of a list of tensors.
struct Operand {
  /// Position of the argument.
  size_t argument;
  /// Position in the list, -1 without a list.
  int element;
  /// The values that it was in the examples, without constants.
  std::vector<ValueId> values;
};

/// A call of an operator, the same one in every run.
struct Call {
  /// The operator.
  const OperatorInfo* op;
  /// What it is here: an addition of a constant is a function of one tensor.
  OperatorKind kind;
  /// The tensors that it reads, without those that hold no floating-point numbers.
  std::vector<Operand> operands;
  /// Its results, kConstant where one holds no floating-point numbers.
  std::vector<ValueId> results;
  /// For a result that is the operand or a part of it, with its axes in another order: the
  /// operand's axis for each axis of the result. Else empty.
  std::vector<int64_t> axes = {};
  /// Of a batch norm: its arguments that are no tensors.
  bool training = false;
  /// Of a batch norm.
  double epsilon = 0;
  /// True if a factor other than 1 stands before an operand: alpha and beta of addmm and add.
  bool is_scaled = false;
  /// True if a result is a view of an operand in memory that was written to later, and must stay
  /// one.
  bool is_view_of_written = false;
};

/// A call as it is met: its operator and what its operands are.
struct CallKey {
  /// The operator's site name, that of an OperatorInfo.
  std::string_view site;
  /// Where its operands come from; of a call with parameters, these only, and of one that joins a
  /// list, the first.
  c10::SmallVector<ValueId, 6> operands;
  /// Equal if both are.
  bool operator==(const CallKey&) const = default;
};

/// Hash of a key.
struct CallKeyHash {
  /// Mixes all parts.
  size_t operator()(const CallKey& key) const;
};

/// The calls that examples of a model showed, and the values between them.
///
/// A call is known by what it is, not by when it runs: by its operator and the parameters that it
/// has, or, without parameters, by its operator and the values that it reads; the k-th of equal
/// ones is known by k.
class CallGraph {
 public:
  /// Adds an input.
  ValueId add_input(const std::string& name, std::vector<int64_t> shape);
  /// Adds a parameter or buffer.
  ValueId add_parameter(const std::string& name, std::vector<int64_t> shape);
  /// Adds a result of a call.
  ValueId add_result(size_t call, size_t result, std::vector<int64_t> shape);

  /// Returns the number of a key, -1 if no example showed it.
  int find_key(const CallKey& key) const;
  /// Returns the number of a key.
  int add_key(const CallKey& key);
  /// Number of keys.
  size_t keys() const {
    return occurrences_.size();
  }
  /// Returns the calls with a key, in the order of their occurrence in one run.
  const std::vector<size_t>& occurrences(int key) const {
    return occurrences_[static_cast<size_t>(key)];
  }
  /// Returns the call that serves as an occurrence of a key: the last one that the examples showed
  /// where a loop runs more often than in them.
  size_t call_of(int key, size_t occurrence) const {
    const std::vector<size_t>& known = occurrences(key);
    return known[std::min(occurrence, known.size() - 1)];
  }
  /// Adds a call as the next occurrence of a key.
  size_t add_call(int key, Call call);
  /// Notes that the operand of a call is a value.
  void add_reader(size_t call, size_t operand, ValueId value);

  /// All calls, in the order in which the examples showed them first.
  const std::vector<Call>& calls() const {
    return calls_;
  }
  /// A call to change.
  Call& call(size_t index) {
    return calls_[index];
  }
  /// All values.
  const std::vector<Value>& values() const {
    return values_;
  }
  /// A value to change.
  Value& value(ValueId id) {
    return values_[static_cast<size_t>(id)];
  }
  /// A value.
  const Value& value(ValueId id) const {
    return values_[static_cast<size_t>(id)];
  }
  /// True if the value is a parameter or computed from them.
  bool is_of_parameters(ValueId id) const {
    return id >= 0 && value(id).is_of_parameters;
  }
  /// The value that stands for the operand: the first one that it was; kConstant if none.
  ValueId value_of(const Operand& operand) const {
    return operand.values.empty() ? kConstant : operand.values.front();
  }
  /// Inputs in order.
  const std::vector<ValueId>& inputs() const {
    return inputs_;
  }

 private:
  std::vector<Call> calls_;
  std::vector<Value> values_;
  std::vector<ValueId> inputs_;
  std::unordered_map<CallKey, int, CallKeyHash> keys_;
  std::vector<std::vector<size_t>> occurrences_;
};

}  // namespace ff::model
