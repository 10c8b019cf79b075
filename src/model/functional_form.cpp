#include "model/functional_form.h"

#include <mutex>
#include <unordered_map>

namespace ff::model {

std::optional<c10::OperatorHandle> functional_form(const c10::OperatorHandle& op) {
  static std::mutex mutex;
  static auto* known =
      new std::unordered_map<c10::OperatorName, std::optional<c10::OperatorHandle>>;
  const std::scoped_lock lock(mutex);
  const auto [found, is_new] = known->try_emplace(op.operator_name());
  if (!is_new)
    return found->second;
  c10::OperatorName name = op.operator_name();
  if (name.name.empty() || name.name.back() != '_')
    return std::nullopt;
  name.name.pop_back();
  const auto form = c10::Dispatcher::singleton().findSchema(name);
  if (!form.has_value() || form->schema().returns().size() != 1 ||
      form->schema().arguments().size() != op.schema().arguments().size())
    return std::nullopt;
  for (size_t i = 0; i < op.schema().arguments().size(); ++i) {
    if (form->schema().arguments()[i].name() != op.schema().arguments()[i].name())
      return std::nullopt;
  }
  found->second = form;
  return form;
}

}  // namespace ff::model
