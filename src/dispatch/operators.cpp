#include "fastforward/dispatch/operators.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "dispatch/registry.h"
#include "tensor/quantized_tensor_impl.h"

namespace ff::dispatch {
namespace {

using List =
    std::vector<std::shared_ptr<const Implementation>>;  // in the order in which they are asked

// Never destroyed: registrations of other libraries may go after ours at the end of the process.
struct Registry {
  std::shared_mutex mutex;
  std::unordered_map<c10::OperatorName, std::shared_ptr<const List>> lists;
  int64_t last_id = 0;
};

Registry& registry() {
  static auto* the_registry = new Registry;
  return *the_registry;
}

std::shared_ptr<const List> list_of(const c10::OperatorName& op) {
  Registry& all = registry();
  const std::shared_lock lock(all.mutex);
  const auto found = all.lists.find(op);
  return found == all.lists.end() ? nullptr : found->second;
}

// Puts an implementation before those that it goes before; returns its number.
int64_t add(Implementation implementation, const c10::OperatorName& op) {
  Registry& all = registry();
  const std::unique_lock lock(all.mutex);
  implementation.id = ++all.last_id;
  auto& list = all.lists[op];
  auto changed = list ? std::make_shared<List>(*list) : std::make_shared<List>();
  const auto before = std::find_if(changed->begin(), changed->end(), [&](const auto& other) {
    return other->priority <= implementation.priority;
  });
  const int64_t id = implementation.id;
  changed->insert(before, std::make_shared<Implementation>(std::move(implementation)));
  list = std::move(changed);
  return id;
}

// Predicates take the arguments that the schema lists without asking whether they are there.
void check_count(const c10::FunctionSchema& schema, size_t given) {
  const size_t count = schema.arguments().size();
  if (given == count)
    return;
  std::string names;
  for (const c10::Argument& argument : schema.arguments())
    names += (names.empty() ? "" : ", ") + argument.name();
  TORCH_CHECK_VALUE(false, "why_not: ", schema.operator_name(), " takes ", count,
                    count == 1 ? " argument (" : " arguments (", names, "), got ", given,
                    "; give all of them, also those that have defaults.");
}

}  // namespace

c10::OperatorName parse_name(const std::string& name) {
  const size_t scope = name.find("::");
  const size_t dot = name.find('.', scope == std::string::npos ? 0 : scope);
  if (dot == std::string::npos)
    return {name, ""};
  return {name.substr(0, dot), name.substr(dot + 1)};
}

const c10::IValue& OperatorCall::argument(const std::string& name) const {
  const auto& arguments = schema_.arguments();
  const auto found =
      std::find_if(arguments.begin(), arguments.end(),
                   [&](const c10::Argument& argument) { return argument.name() == name; });
  TORCH_CHECK_VALUE(found != arguments.end(), schema_.name(), " has no argument '", name,
                    "'; its schema is: ", schema_);
  return arguments_[found - arguments.begin()];
}

Registration& Registration::operator=(Registration&& other) noexcept {
  if (this != &other) {
    remove();
    id_ = std::exchange(other.id_, 0);
  }
  return *this;
}

void Registration::remove() {
  const int64_t id = std::exchange(id_, 0);
  if (id == 0)
    return;
  Registry& all = registry();
  const std::unique_lock lock(all.mutex);
  for (auto& [name, list] : all.lists) {
    const auto has_id = [&](const auto& implementation) { return implementation->id == id; };
    if (std::none_of(list->begin(), list->end(), has_id))
      continue;
    auto rest = std::make_shared<List>(*list);
    std::erase_if(*rest, has_id);
    list = std::move(rest);
    return;
  }
}

Registration register_implementation(const std::string& operator_name, std::string name,
                                     Predicate predicate, c10::KernelFunction kernel,
                                     int priority) {
  const c10::OperatorName op = parse_name(operator_name);
  TORCH_CHECK_VALUE(c10::Dispatcher::singleton().findSchema(op).has_value(),
                    "register_operator: LibTorch has no "
                    "operator '",
                    operator_name, "'; expected a name like aten::relu or aten::slice.Tensor.");
  return Registration(
      add({0, priority, std::move(name), std::move(predicate), std::move(kernel), nullptr}, op));
}

Found find_implementation(const c10::OperatorName& op, const OperatorCall& call,
                          std::vector<Refusal>* refusals) {
  const std::shared_ptr<const List> list = list_of(op);
  if (list == nullptr)
    return {};
  for (const auto& implementation : *list) {
    std::optional<std::string> refusal;
    if (implementation->prepare) {
      RunOrReason prepared = implementation->prepare(call);
      if (prepared.run)
        return {implementation, std::move(prepared.run)};
      refusal = std::move(prepared.why_not);
    } else if (implementation->predicate) {
      refusal = implementation->predicate(call);
    }
    if (!refusal.has_value())
      return {implementation, {}};
    if (refusals != nullptr)
      refusals->push_back({implementation->name, std::move(*refusal)});
  }
  return {};
}

void register_prepared(const std::string& operator_name, const std::string& name, Prepare prepare,
                       int priority) {
  const c10::OperatorName op = parse_name(operator_name);
  if (c10::Dispatcher::singleton().findSchema(op).has_value())
    add({0, priority, name, nullptr, {}, std::move(prepare)}, op);
}

std::optional<c10::IValue> try_operator(const std::string& operator_name,
                                        std::vector<c10::IValue> arguments) {
  const auto op = c10::Dispatcher::singleton().findSchema(parse_name(operator_name));
  TORCH_INTERNAL_ASSERT(op.has_value(), "LibTorch has no operator ", operator_name);
  const Found found =
      find_implementation(op->operator_name(), OperatorCall(op->schema(), arguments), nullptr);
  if (!found)
    return std::nullopt;
  if (found.run)
    return found.run();
  torch::jit::Stack stack = std::move(arguments);
  found.implementation->kernel.callBoxed(*op, c10::DispatchKeySet(kQuantizedKey), &stack);
  return std::move(stack.back());
}

std::vector<Refusal> why_not(const std::string& operator_name,
                             c10::ArrayRef<c10::IValue> arguments) {
  const c10::OperatorName op = parse_name(operator_name);
  const auto handle = c10::Dispatcher::singleton().findSchema(op);
  TORCH_CHECK_VALUE(handle.has_value(), "why_not: LibTorch has no operator '", operator_name,
                    "'; expected a name like aten::relu or aten::slice.Tensor.");
  check_count(handle->schema(), arguments.size());
  std::vector<Refusal> refusals;
  find_implementation(op, OperatorCall(handle->schema(), arguments), &refusals);
  return refusals;
}

}  // namespace ff::dispatch
