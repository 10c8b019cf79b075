#include "fastforward/nn/quantizer_type.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <mutex>

#include "nn/linear_settings.h"

namespace ff::nn {
namespace {

struct Registry {
  std::mutex mutex;
  std::vector<QuantizerType> types = builtin_quantizer_types();
};

Registry& registry() {
  static Registry registry;
  return registry;
}

template <typename Predicate>
std::optional<QuantizerType> find_if(const Predicate& is_it) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  const auto found = std::find_if(all.types.begin(), all.types.end(), is_it);
  return found == all.types.end() ? std::nullopt : std::optional(*found);
}

}  // namespace

void register_quantizer_type(QuantizerType type) {
  TORCH_CHECK_VALUE(!type.name.empty() && type.settings != nullptr && type.make != nullptr,
                    "register_quantizer_type: '", type.name,
                    "' has no name, no settings or no make; give all three.");
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  for (const QuantizerType& other : all.types) {
    TORCH_CHECK_VALUE(other.name != type.name, "register_quantizer_type: the name '", type.name,
                      "' is taken by ", c10::demangle(other.type.name()), "; choose another name.");
    TORCH_CHECK_VALUE(other.type != type.type,
                      "register_quantizer_type: ", c10::demangle(type.type.name()),
                      " is known as '", other.name, "' already; register a type once.");
  }
  all.types.push_back(std::move(type));
}

std::optional<QuantizerType> find_quantizer_type(const std::string& name) {
  return find_if([&](const QuantizerType& type) { return type.name == name; });
}

std::optional<QuantizerType> find_quantizer_type(const QuantizerImpl& quantizer) {
  const std::type_index type = typeid(quantizer);
  return find_if([&](const QuantizerType& known) { return known.type == type; });
}

std::vector<std::string> quantizer_type_names() {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  std::vector<std::string> names;
  for (const QuantizerType& type : all.types)
    names.push_back(type.name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace ff::nn
