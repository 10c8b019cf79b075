#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

#include "model/operator_table.h"

namespace ff::model {
namespace {

using Arguments = c10::ArrayRef<c10::IValue>;

std::vector<size_t> positions_of(const std::string& names, const c10::FunctionSchema& schema) {
  std::vector<size_t> positions;
  std::istringstream words(names);
  for (std::string word; words >> word;) {
    if (const auto index = schema.argumentIndexWithName(word))
      positions.push_back(static_cast<size_t>(*index));
  }
  return positions;
}

bool holds_tensors(const c10::Type& type) {
  if (type.kind() == c10::TypeKind::TensorType)
    return true;
  for (const auto& inner : type.containedTypes()) {
    if (holds_tensors(*inner))
      return true;
  }
  return false;
}

const std::unordered_set<std::string> kDependOnArguments = {
    "aten::_convolution", "aten::convolution", "aten::hardtanh",  "aten::hardtanh_",
    "aten::clamp",        "aten::clamp_",      "aten::clamp_min", "aten::clamp_min_",
    "aten::_pad_enum",    "aten::pad",         "aten::clip",      "aten::constant_pad_nd",
    "aten::dropout",      "aten::dropout_",    "aten::clip_"};

const std::unordered_set<std::string> kMayHandOn = {
    "aten::contiguous",      "aten::to",         "aten::_to_copy",
    "aten::clone",           "aten::detach",     "aten::alias",
    "aten::type_as",         "aten::dropout",    "aten::dropout_",
    "aten::feature_dropout", "aten::lift_fresh", "aten::alpha_dropout"};

std::unique_ptr<OperatorInfo> make_info(const c10::FunctionSchema& schema) {
  auto info = std::make_unique<OperatorInfo>();
  info->name = schema.name();
  info->rule = find_rule(schema.name());
  info->arguments = schema.arguments().size();
  if (info->rule != nullptr) {
    info->site = info->rule->site;
    info->kind = info->rule->kind;
    info->operands = positions_of(info->rule->operands, schema);
    info->weights = positions_of(info->rule->weights, schema);
    const std::vector<size_t> bias = positions_of(info->rule->bias, schema);
    info->bias = bias.empty() ? -1 : static_cast<int>(bias[0]);
    info->channel_axis = info->rule->channel_axis;
  } else {
    const std::string& name = info->name;
    info->site = name.substr(name.rfind(':') + 1);
    if (info->site.size() > 1 && info->site.back() == '_')
      info->site.pop_back();
  }
  // max and min of two tensors have the name of those of one.
  if (info->kind == OperatorKind::kPass && schema.argumentIndexWithName("other").has_value()) {
    info->kind = OperatorKind::kArithmetic;
    info->operands = positions_of("self other", schema);
  }
  for (size_t i = 0; i < schema.arguments().size(); ++i) {
    const c10::AliasInfo* alias = schema.arguments()[i].alias_info();
    if (alias != nullptr && alias->isWrite())
      info->written.push_back(i);
  }
  for (const c10::Argument& result : schema.returns())
    info->gives_tensors = info->gives_tensors || holds_tensors(*result.type());
  info->depends_on_arguments = kDependOnArguments.count(info->name) != 0;
  info->may_hand_on = kMayHandOn.count(info->name) != 0;
  return info;
}

double number(const c10::IValue& value, double otherwise) {
  if (value.isInt())
    return static_cast<double>(value.toInt());
  return value.isDouble() ? value.toDouble() : otherwise;
}

bool is_true(const c10::IValue& value) {
  return value.isBool() && value.toBool();
}

std::string convolution_name(Arguments arguments) {
  // input, weight, bias, stride, padding, dilation, transposed, ...
  constexpr size_t kWeight = 1, kTransposed = 6;
  const at::Tensor& weight = arguments[kWeight].toTensor();
  if (!weight.defined() || weight.dim() < 3)
    return "convolution";
  const char* name = is_true(arguments[kTransposed]) ? "conv_transpose" : "conv";
  return name + std::to_string(weight.dim() - 2) + "d";
}

std::string clamp_name(const OperatorInfo& info, Arguments arguments) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const bool is_hardtanh = info.site == "hardtanh";
  const double low = number(arguments[1], is_hardtanh ? -1 : -kInfinity);
  const double high =
      arguments.size() > 2 ? number(arguments[2], is_hardtanh ? 1 : kInfinity) : kInfinity;
  if (low != 0)
    return info.site;
  return high == 6 ? "relu6" : high == kInfinity ? "relu" : info.site;
}

bool pads_with_zeros(const OperatorInfo& info, Arguments arguments) {
  if (info.name == "aten::pad" && arguments[2].toStringRef() != "constant")
    return true;  // with elements of the operand
  return number(arguments.back(), 0) == 0;
}

// What the call is, where that differs from what the operator is.
struct Variant {
  std::string site;
  OperatorKind kind;
};

Variant variant_of(const OperatorInfo& info, Arguments arguments) {
  if (info.site == "conv")
    return {convolution_name(arguments), info.kind};
  if (info.site == "hardtanh" || info.site == "clamp")
    return {clamp_name(info, arguments), info.kind};
  if (info.site == "pad")
    return {info.site, pads_with_zeros(info, arguments) ? info.kind : OperatorKind::kAverage};
  // A training dropout scales what it leaves, so the result has a grid of its own.
  return {info.site, is_true(arguments[2]) ? OperatorKind::kActivation : info.kind};
}

// All that is known of one operator.
struct Known {
  std::unique_ptr<OperatorInfo> info;
  std::unordered_map<std::string, std::unique_ptr<OperatorInfo>> variants;
};

struct Registry {
  std::shared_mutex mutex;
  std::unordered_map<const void*, Known> known;
};

Registry& registry() {
  static Registry all;
  return all;
}

const OperatorInfo& variant(Known& known, const Variant& given) {
  const std::string key = given.site + "/" + std::to_string(static_cast<int>(given.kind));
  std::unique_ptr<OperatorInfo>& info = known.variants[key];
  if (info == nullptr) {
    info = std::make_unique<OperatorInfo>(*known.info);
    info->site = given.site;
    info->kind = given.kind;
    if (given.site.rfind("conv_transpose", 0) == 0)
      info->channel_axis = 1;
  }
  return *info;
}

}  // namespace

bool contains(const std::vector<size_t>& positions, size_t position) {
  return std::find(positions.begin(), positions.end(), position) != positions.end();
}

const OperatorInfo& operator_info(const c10::OperatorHandle& op, Arguments arguments) {
  Registry& all = registry();
  const void* key = &op.operator_name();  // one object for each operator
  {
    const std::shared_lock lock(all.mutex);
    const auto found = all.known.find(key);
    if (found != all.known.end() && !found->second.info->depends_on_arguments)
      return *found->second.info;
  }
  const std::unique_lock lock(all.mutex);
  Known& known = all.known[key];
  if (known.info == nullptr)
    known.info = make_info(op.schema());
  if (!known.info->depends_on_arguments)
    return *known.info;
  return variant(known, variant_of(*known.info, arguments));
}

bool hands_on(const OperatorInfo& info, Arguments arguments) {
  if (!info.may_hand_on)
    return false;
  // input, p, train
  constexpr size_t kTrain = 2;
  return info.site != "dropout" || !is_true(arguments[kTrain]);
}

}  // namespace ff::model
