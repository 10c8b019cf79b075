#include "model/program.h"

#include <set>

namespace ff::model {
namespace {

class Names {
 public:
  explicit Names(const CallGraph& graph) : graph_(graph) {
    for (const Value& value : graph.values()) {
      if (value.kind == Value::Kind::kParameter)
        reserve(value.name);
    }
    owners_.reserve(graph.calls().size());
    for (size_t call = 0; call < graph.calls().size(); ++call)
      owners_.push_back(owner_of(call));
  }

  std::string site(size_t call) {
    return unique(owners_[call], graph_.calls()[call].op->site);
  }
  std::string unique(const std::string& owner, const std::string& name) {
    const std::string path = owner.empty() ? name : owner + "." + name;
    std::string candidate = path;
    for (int number = 1; !taken_.insert(candidate).second; ++number)
      candidate = path + "_" + std::to_string(number);
    return candidate;
  }

 private:
  // The modules above a parameter, and the parameter itself.
  void reserve(const std::string& path) {
    for (size_t dot = path.find('.'); dot != std::string::npos; dot = path.find('.', dot + 1))
      taken_.insert(path.substr(0, dot));
    taken_.insert(path);
  }

  // The parameter that a value is, or is made of; empty if none.
  std::string parameter_of(ValueId id) const {
    while (graph_.is_of_parameters(id)) {
      const Value& value = graph_.value(id);
      if (value.kind == Value::Kind::kParameter)
        return value.name;
      ValueId next = kConstant;
      for (const Operand& operand : graph_.calls()[value.call].operands)
        next = next == kConstant ? graph_.value_of(operand) : next;
      id = next;
    }
    return "";
  }

  std::string owner_of(size_t index) const {
    const Call& call = graph_.calls()[index];
    for (const Operand& operand : call.operands) {
      const std::string parameter = parameter_of(graph_.value_of(operand));
      if (!parameter.empty())
        return owner_path(parameter);
    }
    for (const Operand& operand : call.operands) {
      const ValueId id = graph_.value_of(operand);
      if (id >= 0 && graph_.value(id).kind == Value::Kind::kResult && graph_.value(id).call < index)
        return owners_[graph_.value(id).call];
    }
    return "";
  }

  const CallGraph& graph_;
  std::set<std::string> taken_;
  std::vector<std::string> owners_;
};

PlaceName name_of(const Program& program, const Place& place, const std::string& inputs) {
  const Value& value = program.recording.graph.value(place.value);
  switch (place.kind) {
    case Place::Kind::kInput:
      return {inputs + "." + value.name, "output"};
    case Place::Kind::kWeight:
      return {program.call_sites[place.call], "weight"};
    case Place::Kind::kResult:
      break;
  }
  return {program.call_sites[place.call],
          value.result == 0 ? "output" : "output_" + std::to_string(value.result)};
}

}  // namespace

std::string owner_path(const std::string& parameter) {
  const size_t dot = parameter.rfind('.');
  return dot == std::string::npos ? "" : parameter.substr(0, dot);
}

Program make_program(Recording recording, const PlanOptions& options) {
  Program program{std::move(recording), {}, {}, {}, {}};
  const CallGraph& graph = program.recording.graph;
  program.plan = make_plan(graph, options);
  program.integers = make_integer_plan(graph, program.plan);
  Names names(graph);
  const std::string inputs = names.unique("", "inputs");
  for (size_t call = 0; call < graph.calls().size(); ++call)
    program.call_sites.push_back(names.site(call));
  std::set<std::pair<std::string, std::string>> used;
  for (const Place& place : program.plan.places) {
    PlaceName name = name_of(program, place, inputs);
    // A call may have several weights: the layers of an LSTM.
    const std::string first = name.name;
    for (int number = 1; !used.emplace(name.site, name.name).second; ++number)
      name.name = first + "_" + std::to_string(number);
    program.place_names.push_back(std::move(name));
  }
  return program;
}

}  // namespace ff::model
