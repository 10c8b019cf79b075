#include "storage/state_value.h"

#include <ATen/core/List.h>
#include <c10/util/Exception.h>

namespace ff::storage {
namespace {

bool is_text_list(const c10::IValue& value) {
  return value.isList() && value.toList().elementType()->kind() == c10::TypeKind::StringType;
}

std::vector<std::string> texts_of(const c10::IValue& value) {
  std::vector<std::string> texts;
  for (const c10::IValue& item : value.toListRef())
    texts.push_back(item.toStringRef());
  return texts;
}

StateValue to_state_value(const c10::IValue& value, const std::string& where,
                          const std::string& name) {
  if (value.isNone())
    return std::monostate();
  if (value.isBool())
    return value.toBool();
  if (value.isInt())
    return value.toInt();
  if (value.isDouble())
    return value.toDouble();
  if (value.isString())
    return value.toStringRef();
  if (value.isIntList())
    return value.toIntVector();
  if (value.isDoubleList())
    return value.toDoubleVector();
  if (value.isBoolList()) {
    const auto list = value.toBoolList();
    return std::vector<bool>(list.begin(), list.end());
  }
  if (is_text_list(value))
    return texts_of(value);
  TORCH_CHECK_VALUE(false, where, ": '", name, "' is a ", value.tagKind(),
                    "; a file holds None, bool, int, float, str, and lists of those four.");
}

struct ToIValue {
  c10::IValue operator()(std::monostate) const {
    return {};
  }
  c10::IValue operator()(const std::vector<bool>& value) const {
    c10::List<bool> list;
    for (const bool item : value)
      list.push_back(item);
    return list;
  }
  template <typename T>
  c10::IValue operator()(const T& value) const {
    return value;
  }
};

}  // namespace

StateValues to_state_values(const std::map<std::string, c10::IValue>& values,
                            const std::string& where) {
  StateValues result;
  for (const auto& [name, value] : values)
    result.emplace(name, to_state_value(value, where, name));
  return result;
}

std::map<std::string, c10::IValue> to_ivalues(const StateValues& values) {
  std::map<std::string, c10::IValue> result;
  for (const auto& [name, value] : values)
    result.emplace(name, std::visit(ToIValue(), value));
  return result;
}

}  // namespace ff::storage
