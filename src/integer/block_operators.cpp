#include "integer/block_operators.h"

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "dispatch/boxed.h"
#include "dispatch/registry.h"
#include "fastforward/dispatch/integer_guard.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "integer/blocks.h"
#include "integer/builtin.h"
#include "integer/functions.h"
#include "integer/grid.h"

// LibTorch's float operators between codes: each block is dequantized, computed and quantized while
// it is in the cache.
namespace ff::integer {
namespace {

using dispatch::OperatorCall;
using dispatch::RunOrReason;
using dispatch::WantedOutput;

// A tensor among the arguments, and how many of its last axes blocks leave whole.
struct Operand {
  size_t argument;
  size_t whole;
};

// What blocks of a call are made of.
struct Shape {
  std::vector<int64_t> sizes;
  std::vector<Operand> operands;
  // Axes of the result from the last one on that one element of it depends on.
  size_t whole = 0;
};

// The shape, or why there are no blocks.
struct ShapeOrReason {
  std::optional<Shape> shape;
  std::string why_not;
};

// LibTorch's operator, block by block.
class OperatorValues final : public BlockValues {
 public:
  OperatorValues(BlockLayout layout, int depth, const OperatorCall& call,
                 std::vector<Operand> operands)
      : BlockValues(std::move(layout), depth),
        schema_(call.schema()),
        arguments_(call.arguments().vec()),
        operands_(std::move(operands)) {
    // Objects of their own: one that is written to becomes what is computed of it.
    for (const auto& [argument, whole] : operands_) {
      const at::Tensor& tensor = arguments_[argument].toTensor();
      if (is_quantized(tensor))
        arguments_[argument] =
            at::Tensor(tensor.unsafeGetTensorImpl()->shallow_copy_and_detach(0, true));
    }
  }

  at::Tensor block(const Block& block) const override {
    std::vector<c10::IValue> arguments = arguments_;
    for (const auto& [argument, whole] : operands_)
      arguments[argument] = block_of(arguments[argument].toTensor(), block, whole);
    return dispatch::call_operator(schema_, std::move(arguments)).toTensor();
  }
  bool reads(const c10::StorageImpl* memory) const override {
    return std::any_of(operands_.begin(), operands_.end(), [&](const Operand& operand) {
      const at::Tensor& tensor = arguments_[operand.argument].toTensor();
      if (const BlockValues* values = block_values(tensor))
        return values->reads(memory);
      return is_memory_of(tensor, memory);
    });
  }

 private:
  const c10::FunctionSchema& schema_;  // LibTorch keeps it
  std::vector<c10::IValue> arguments_;
  std::vector<Operand> operands_;
};

bool is_tensor(const c10::IValue& value) {
  return value.isTensor() && value.toTensor().defined();
}

std::string name_of(const OperatorCall& call, size_t argument) {
  return "its operand '" + call.schema().arguments()[argument].name() + "'";
}

// Why a tensor cannot be cut into blocks that give what the whole gives; empty if it can.
std::string why_no_operand(const at::Tensor& tensor) {
  if (block_values(tensor) != nullptr)
    return "";
  if (is_quantized(tensor))
    return grid_of(tensor).why_not;
  if (!tensor.device().is_cpu())
    return c10::str("is on ", tensor.device(), ", and integers run on the CPU");
  const at::ScalarType type = tensor.scalar_type();
  if (type != at::kFloat && !c10::isIntegralType(type, true) && tensor.dim() > 0)
    return c10::str("has type ", type, ", and integers take Float");
  return "";
}

// Sizes with others broadcast to them; false if they do not fit together.
bool broadcast(std::vector<int64_t>& sizes, c10::IntArrayRef others) {
  if (others.size() > sizes.size())
    sizes.insert(sizes.begin(), others.size() - sizes.size(), 1);
  for (size_t i = 0; i < others.size(); ++i) {
    int64_t& size = sizes[sizes.size() - others.size() + i];
    if (size != others[i] && size != 1 && others[i] != 1)
      return false;
    size = size == 1 ? others[i] : size;
  }
  return true;
}

ShapeOrReason elementwise(const OperatorCall& call) {
  Shape shape;
  for (size_t i = 0; i < call.arguments().size(); ++i) {
    if (!is_tensor(call[i]))
      continue;
    shape.operands.push_back({i, 0});
    if (!broadcast(shape.sizes, call[i].toTensor().sizes()))
      return {std::nullopt, "its operands have shapes that do not fit together"};
  }
  return {std::move(shape), ""};
}

ShapeOrReason softmax(const OperatorCall& call) {
  const at::Tensor& input = call[0].toTensor();
  const int64_t axis = call.argument("dim").toInt(), axes = input.dim();
  if (axis < -axes || axis >= axes)
    return {std::nullopt, c10::str("it has no axis ", axis)};
  if (call.schema().argumentIndexWithName("dtype").has_value() && !call.argument("dtype").isNone())
    return {std::nullopt, "it gives another type"};
  const int64_t from_last = axis < 0 ? -axis : axes - axis;
  return {Shape{input.sizes().vec(), {{0, 0}}, static_cast<size_t>(from_last)}, ""};
}

ShapeOrReason layer_norm(const OperatorCall& call) {
  const at::Tensor& input = call[0].toTensor();
  const std::vector<int64_t> normalized = call.argument("normalized_shape").toIntVector();
  const size_t axes = normalized.size();
  if (axes > static_cast<size_t>(input.dim()) ||
      input.sizes().slice(input.dim() - static_cast<int64_t>(axes)) != c10::IntArrayRef(normalized))
    return {std::nullopt, "its input does not end with the normalized shape"};
  Shape shape{input.sizes().vec(), {}, axes};
  for (size_t i = 0; i < call.arguments().size(); ++i) {
    if (!is_tensor(call[i]))
      continue;
    if (i > 0 && call[i].toTensor().sizes() != c10::IntArrayRef(normalized))
      return {std::nullopt, name_of(call, i) + " does not have the normalized shape"};
    shape.operands.push_back({i, i == 0 ? 0 : axes});
  }
  return {std::move(shape), ""};
}

// [..., rows, depth] x [..., depth, columns]
ShapeOrReason matrix_product(const OperatorCall& call) {
  const at::Tensor &left = call[0].toTensor(), &right = call[1].toTensor();
  constexpr int64_t kMatrix = 2;
  if (left.dim() <= kMatrix || right.dim() <= kMatrix)
    return {std::nullopt, "it is no batch of products"};
  const c10::IntArrayRef left_batch = left.sizes().slice(0, left.dim() - kMatrix),
                         right_batch = right.sizes().slice(0, right.dim() - kMatrix);
  Shape shape{left_batch.vec(), {{0, 1}, {1, kMatrix}}, 1};
  if (left.size(-1) != right.size(-kMatrix) || !broadcast(shape.sizes, right_batch))
    return {std::nullopt, "its operands have shapes that do not fit together"};
  shape.sizes.push_back(left.size(-kMatrix));
  shape.sizes.push_back(right.size(-1));
  return {std::move(shape), ""};
}

// The first operand that is computed block by block; null if there is none.
const BlockValues* first_block_values(const OperatorCall& call, const Shape& shape) {
  for (const Operand& operand : shape.operands) {
    if (const BlockValues* values = block_values(call[operand.argument].toTensor()))
      return values;
  }
  return nullptr;
}

// The axes as they lie in memory, the outermost first.
std::vector<size_t> order_of(const OperatorCall& call, const Shape& shape) {
  if (const BlockValues* values = first_block_values(call, shape))
    return values->layout().order;
  std::vector<size_t> order(shape.sizes.size());
  std::iota(order.begin(), order.end(), size_t{0});
  for (const Operand& operand : shape.operands) {
    const at::Tensor& tensor = call[operand.argument].toTensor();
    if (!is_quantized(tensor) || tensor.sizes() != c10::IntArrayRef(shape.sizes))
      continue;
    const at::Tensor memory = codes(tensor);
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return memory.stride(static_cast<int64_t>(a)) > memory.stride(static_cast<int64_t>(b));
    });
    return order;
  }
  return order;
}

// How the result lies, if blocks of it can be cut.
BlockLayout layout_of(const OperatorCall& call, const Shape& shape) {
  BlockLayout layout{shape.sizes, order_of(call, shape), shape.sizes.size()};
  for (size_t place = 0; place < layout.whole; ++place) {
    if (layout.order[place] + shape.whole >= shape.sizes.size())
      layout.whole = place;
  }
  for (const Operand& operand : shape.operands) {
    if (const BlockValues* values = block_values(call[operand.argument].toTensor()))
      layout.whole = std::min(layout.whole, values->layout().whole);
  }
  return layout;
}

std::string why_no_blocks(const OperatorCall& call, const Shape& shape) {
  bool any_codes = false;
  for (const Operand& operand : shape.operands) {
    const at::Tensor& tensor = call[operand.argument].toTensor();
    const std::string reason = why_no_operand(tensor);
    if (!reason.empty())
      return name_of(call, operand.argument) + ": " + reason;
    const BlockValues* values = block_values(tensor);
    if (values != nullptr && tensor.sizes() != c10::IntArrayRef(shape.sizes))
      return name_of(call, operand.argument) + " is broadcast";
    if (values != nullptr &&
        values->layout().order != first_block_values(call, shape)->layout().order)
      return name_of(call, operand.argument) + " lies in memory in another order";
    any_codes = any_codes || is_quantized(tensor);
  }
  return any_codes ? "" : "no operand is in codes";
}

// How many values that are computed block by block stand behind each other in the operands.
int depth_of(const OperatorCall& call, const Shape& shape) {
  int depth = 0;
  for (const Operand& operand : shape.operands) {
    if (const BlockValues* values = block_values(call[operand.argument].toTensor()))
      depth = std::max(depth, values->depth());
  }
  return depth;
}

RunOrReason prepare(const OperatorCall& call, ShapeOrReason (*shape_of)(const OperatorCall&)) {
  if (!integers_enabled())
    return {nullptr, kIntegersAreOff};
  ShapeOrReason found = shape_of(call);
  if (!found.shape.has_value())
    return {nullptr, std::move(found.why_not)};
  const WantedOutput& output = dispatch::wanted_output();
  const int depth = depth_of(call, *found.shape);
  const bool has_grid = grid_of(output).has_value() && !output.bias.defined();
  if (!has_grid && !output.is_read_in_blocks && depth == 0)
    return {nullptr, kNoOutputGrid};
  std::string why_not = why_no_blocks(call, *found.shape);
  if (!why_not.empty())
    return {nullptr, std::move(why_not)};
  auto values = std::make_shared<OperatorValues>(layout_of(call, *found.shape), depth + 1, call,
                                                 std::move(found.shape->operands));
  constexpr int kDeepest = 32;  // blocks are computed in calls inside of each other
  if (!has_grid && output.is_read_in_blocks && depth < kDeepest)
    return {[values] { return tensor_of(values); }, ""};
  if (!has_grid)
    return {[values] { return values->codes(); }, ""};
  // The function may be gone when the call runs.
  return {[values, output, function = *output.function] {
            WantedOutput wanted = output;
            wanted.function = &function;
            return quantize_blocks(*values, wanted);
          },
          ""};
}

}  // namespace

void register_block_operators() {
  constexpr int kLast = -1;  // tables and the like are asked first
  const auto add = [](const std::string& name, ShapeOrReason (*shape_of)(const OperatorCall&)) {
    dispatch::register_prepared(
        name, kInBlocks, [shape_of](const OperatorCall& call) { return prepare(call, shape_of); },
        kLast);
  };
  for (const std::string& name : functions_of_elements())
    add(name, elementwise);
  for (const char* name :
       {"aten::softmax.int", "aten::_softmax", "aten::log_softmax.int", "aten::_log_softmax"})
    add(name, softmax);
  for (const char* name : {"aten::layer_norm", "aten::rms_norm"})
    add(name, layer_norm);
  for (const char* name : {"aten::matmul", "aten::bmm"})
    add(name, matrix_product);
}

}  // namespace ff::integer
