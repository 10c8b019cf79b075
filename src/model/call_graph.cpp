#include "model/call_graph.h"

#include <algorithm>

namespace ff::model {

size_t CallKeyHash::operator()(const CallKey& key) const {
  size_t hash = std::hash<std::string_view>()(key.site);
  constexpr size_t kMix = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio
  for (const ValueId operand : key.operands)
    hash = (hash ^ static_cast<size_t>(operand)) * kMix;
  return hash;
}

ValueId CallGraph::add_input(const std::string& name, std::vector<int64_t> shape) {
  values_.push_back({Value::Kind::kInput, name});
  values_.back().shape = std::move(shape);
  inputs_.push_back(static_cast<ValueId>(values_.size() - 1));
  return inputs_.back();
}

ValueId CallGraph::add_parameter(const std::string& name, std::vector<int64_t> shape) {
  values_.push_back({Value::Kind::kParameter, name});
  values_.back().shape = std::move(shape);
  values_.back().is_of_parameters = true;
  return static_cast<ValueId>(values_.size() - 1);
}

ValueId CallGraph::add_result(size_t call, size_t result, std::vector<int64_t> shape) {
  values_.push_back({Value::Kind::kResult, ""});
  values_.back().shape = std::move(shape);
  values_.back().call = call;
  values_.back().result = result;
  return static_cast<ValueId>(values_.size() - 1);
}

int CallGraph::find_key(const CallKey& key) const {
  const auto found = keys_.find(key);
  return found == keys_.end() ? -1 : found->second;
}

int CallGraph::add_key(const CallKey& key) {
  const auto [found, is_new] = keys_.emplace(key, static_cast<int>(occurrences_.size()));
  if (is_new)
    occurrences_.emplace_back();
  return found->second;
}

size_t CallGraph::add_call(int key, Call call) {
  calls_.push_back(std::move(call));
  occurrences_[static_cast<size_t>(key)].push_back(calls_.size() - 1);
  return calls_.size() - 1;
}

void CallGraph::add_reader(size_t call, size_t operand, ValueId id) {
  std::vector<ValueId>& known = calls_[call].operands[operand].values;
  if (std::find(known.begin(), known.end(), id) == known.end())
    known.push_back(id);
  std::vector<Reader>& readers = value(id).readers;
  const Reader reader{call, operand};
  if (std::find(readers.begin(), readers.end(), reader) == readers.end())
    readers.push_back(reader);
}

}  // namespace ff::model
