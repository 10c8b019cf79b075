#include "model/call_description.h"

#include <algorithm>
#include <numeric>
#include <unordered_set>

namespace ff::model {
namespace {

// For a result that is its operand or a part of it, with the axes in another order: the operand's
// axis for each.
std::vector<int64_t> axes_of(const OperatorInfo& info, c10::ArrayRef<c10::IValue> arguments) {
  if (!arguments[0].isTensor())
    return {};
  const int64_t dims = arguments[0].toTensor().dim();
  std::vector<int64_t> axes(static_cast<size_t>(dims));
  std::iota(axes.begin(), axes.end(), 0);
  const auto wrapped = [&](const c10::IValue& axis) {
    return static_cast<size_t>(axis.toInt() < 0 ? axis.toInt() + dims : axis.toInt());
  };
  static const std::unordered_set<std::string> kKeep = {"chunk", "narrow", "slice", "split"};
  if (kKeep.count(info.site) != 0)
    return axes;
  if (info.site == "t") {
    std::reverse(axes.begin(), axes.end());
  } else if (info.site == "transpose" && arguments[1].isInt()) {
    std::swap(axes[wrapped(arguments[1])], axes[wrapped(arguments[2])]);
  } else if (info.site == "permute") {
    axes.clear();
    for (const int64_t axis : arguments[1].toIntVector())
      axes.push_back(axis < 0 ? axis + dims : axis);
  } else {
    return {};
  }
  return axes;
}

bool is_scaled(const c10::FunctionSchema& schema, c10::ArrayRef<c10::IValue> arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = schema.arguments()[i].name();
    if ((name == "alpha" || name == "beta") && arguments[i].isScalar() &&
        arguments[i].toScalar().toDouble() != 1)
      return true;
  }
  return false;
}

}  // namespace

Call describe(const Meeting& meeting) {
  Call call{&meeting.info, meeting.info.kind, {}, {}, {}};
  const c10::ArrayRef<c10::IValue> arguments = meeting.arguments();
  if (meeting.info.kind == OperatorKind::kStructural)
    call.axes = axes_of(meeting.info, arguments);
  if (meeting.info.kind == OperatorKind::kNorm) {
    // input, weight, bias, running_mean, running_var, training, momentum, eps
    constexpr size_t kTraining = 5, kEpsilon = 7;
    call.training = arguments[kTraining].toBool() || !arguments[3].isTensor() ||
                    !arguments[3].toTensor().defined();
    call.epsilon = arguments[kEpsilon].toDouble();
  }
  call.is_scaled = is_scaled(meeting.op.schema(), arguments);
  return call;
}

}  // namespace ff::model
