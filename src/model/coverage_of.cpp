#include "model/coverage_of.h"

#include <c10/util/StringUtil.h>

#include <algorithm>

#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/quantizer_stub.h"
#include "model/weight_root.h"

namespace ff::model {
namespace {

using K = OperatorKind;

std::string text_of(const nn::QuantizerImpl& quantizer) {
  if (nn::is_stub(quantizer))
    return "float";
  const auto bits = [](const auto& options, const char* more) {
    return c10::str(options.num_bits(), " bits ", options.granularity(), more);
  };
  if (const auto* linear = dynamic_cast<const nn::LinearQuantizerImpl*>(&quantizer))
    return bits(linear->options, "");
  if (const auto* dynamic = dynamic_cast<const nn::DynamicLinearQuantizerImpl*>(&quantizer))
    return bits(dynamic->options, ", dynamic");
  return mpath::detail::class_name_of(quantizer);
}

class Describer {
 public:
  Describer(const Program& program, const Binding& binding)
      : program_(program), graph_(program.recording.graph), binding_(binding) {}

  CallCoverage describe(size_t index) const {
    const Call& call = graph_.calls()[index];
    CallCoverage line;
    line.site = program_.call_sites[index];
    line.op = call.op->name;
    if (!call.results.empty() && call.results[0] >= 0)
      line.shape = graph_.value(call.results[0]).shape;
    if (is_folded(index) || is_of_parameters(call)) {
      line.weight = touched_weight(index);
      line.reason = reason_of(index, line);
      line.is_quantized = is_folded(index) || (!line.weight.empty() && line.weight != "float");
      return line;
    }
    bool all_on_grids = true;
    for (size_t i = 0; i < call.operands.size(); ++i) {
      const Reader reader{index, i};
      if (is_weight(graph_, reader)) {
        add_weight(line, weight_place(reader));
        all_on_grids = all_on_grids && line.weight.rfind("float", 0) != 0;
      } else if (reads_on_grid(graph_, reader)) {
        line.operands.push_back(origin_of(reader));
        all_on_grids = all_on_grids && line.operands.back() != "float";
      }
    }
    line.result = result_of(index);
    line.reason = reason_of(index, line);
    line.is_quantized = is_quantized(index, line, all_on_grids);
    return line;
  }

 private:
  bool is_of_parameters(const Call& call) const {
    return !call.results.empty() && graph_.is_of_parameters(call.results[0]);
  }

  // True if a product does what this batch norm did: while the product's weight has a quantizer.
  bool is_folded(size_t index) const {
    const std::optional<size_t> fold = program_.plan.calls[index].folded_norm;
    size_t place = 0;
    return fold.has_value() && find_place(program_.plan.folds[*fold].weight, place) != nullptr &&
           !nn::is_stub(*binding_.quantizer(place));
  }

  // The quantizer of a parameter that this call touches first, as t() before a product.
  std::string touched_weight(size_t index) const {
    for (const auto& [operand, place] : program_.plan.calls[index].reads) {
      if (program_.plan.places[place].kind == Place::Kind::kWeight)
        return text_of(*binding_.quantizer(place));
    }
    return "";
  }

  static void add_weight(CallCoverage& line, const std::string& text) {
    if (line.weight.empty())
      line.weight = text;
    else if (line.weight != text)
      line.weight += ", " + text;
  }

  const Place* find_place(ValueId value, size_t& index) const {
    for (index = 0; index < program_.plan.places.size(); ++index) {
      if (program_.plan.places[index].value == value)
        return &program_.plan.places[index];
    }
    return nullptr;
  }

  // The quantizer of the parameter that a weight is, maybe through t().
  std::string weight_place(const Reader& weight) const {
    const ValueId value = graph_.value_of(graph_.calls()[weight.call].operands[weight.operand]);
    size_t place = 0;
    if (find_place(weight_root(graph_, weight, value).value, place) == nullptr)
      return "float";
    return text_of(*binding_.quantizer(place));
  }

  bool is_wanted(ValueId value) const {
    return value >= 0 && program_.plan.wanted[static_cast<size_t>(value)];
  }

  // The site whose grid an operand is on as this call reads it.
  std::string origin_of(const Reader& reader) const {
    const ValueId value = graph_.value_of(graph_.calls()[reader.call].operands[reader.operand]);
    if (value < 0)
      return "constant";
    size_t place = 0;
    const Place* found = find_place(value, place);
    if (found != nullptr && !found->readers.empty() &&
        std::find(found->readers.begin(), found->readers.end(), reader) == found->readers.end())
      return "float";
    return origin_of(value);
  }

  std::string origin_of(ValueId value) const {
    size_t place = 0;
    while (is_wanted(value)) {
      if (find_place(value, place) != nullptr) {
        if (nn::is_stub(*binding_.quantizer(place)))
          return "float";
        return program_.place_names[place].site;
      }
      const size_t maker = graph_.value(value).call;
      if (!program_.plan.calls[maker].keeps_grid)
        break;
      value = graph_.value_of(graph_.calls()[maker].operands[0]);
    }
    return "float";
  }

  std::string result_of(size_t index) const {
    size_t place = 0;
    for (const ValueId value : graph_.calls()[index].results) {
      if (value < 0 || find_place(value, place) == nullptr)
        continue;
      std::string text = text_of(*binding_.quantizer(place));
      if (text != "float" && !program_.plan.places[place].readers.empty())
        text += ", for those that want it";
      return text;
    }
    return "";
  }

  std::string readers_of(const Value& value) const {
    std::vector<std::string> names;
    for (const Reader& reader : value.readers) {
      const std::string& name = program_.call_sites[reader.call];
      if (std::find(names.begin(), names.end(), name) == names.end())
        names.push_back(name);
    }
    return c10::str(c10::Join(", ", names));
  }

  static bool is_unknown(const Call& call) {
    return call.op->rule == nullptr && call.op->name.find("::") != std::string::npos;
  }

  std::string reason_of(size_t index, const CallCoverage& line) const {
    const Call& call = graph_.calls()[index];
    const CallPlan& plan = program_.plan.calls[index];
    if (is_folded(index))
      return "folded into " + program_.call_sites[program_.plan.folds[*plan.folded_norm].product];
    if (line.result == "float")
      return "left in float by the rules";
    const std::string known = is_unknown(call) ? "not in the table of operators, " : "";
    if (!line.result.empty())
      return call.kind == K::kFloat ? known + "computed in float" : "";
    if (call.results.empty() || call.results[0] < 0)
      return "its result holds no floating-point numbers";
    const Value& value = graph_.value(call.results[0]);
    if (value.is_of_parameters)
      return "computed from parameters";
    if (plan.keeps_grid)
      return "keeps the grid of its operand";
    if (value.is_returned)
      return known + "returned by the model, stays float";
    if (value.readers.empty())
      return known + "nobody reads its result";
    return (goes_on(call.results[0]) ? "goes on in " : known + "read in float by ") +
           readers_of(value);
  }

  // True if an integer kernel does what reads the value together with the call that gives it.
  bool goes_on(ValueId value) const {
    if (!can_be_followed(graph_, value))
      return false;
    const std::vector<Reader>& readers = graph_.value(value).readers;
    return std::all_of(readers.begin(), readers.end(), [&](const Reader& reader) {
      return graph_.calls()[reader.call].kind == K::kActivation ||
             program_.plan.calls[reader.call].folded_norm.has_value();
    });
  }

  // True if what a chain that goes on with this call gives in the end is on a grid.
  bool ends_on_grid(size_t index) const {
    const Call& call = graph_.calls()[index];
    const std::string result = result_of(index);
    if (!result.empty() || call.results.empty() || call.results[0] < 0)
      return !result.empty() && result != "float";
    const std::vector<Reader>& readers = graph_.value(call.results[0]).readers;
    return goes_on(call.results[0]) &&
           std::all_of(readers.begin(), readers.end(),
                       [&](const Reader& reader) { return ends_on_grid(reader.call); });
  }

  bool is_quantized(size_t index, const CallCoverage& line, bool all_on_grids) const {
    const Call& call = graph_.calls()[index];
    if (is_unknown(call))
      return false;
    if (call.kind == K::kProduct)
      return all_on_grids;
    if (call.kind == K::kLookup)
      return !line.weight.empty() && line.weight != "float";
    if (program_.plan.calls[index].keeps_grid)
      return origin_of(graph_.value_of(call.operands[0])) != "float";
    return ends_on_grid(index);
  }

  const Program& program_;
  const CallGraph& graph_;
  const Binding& binding_;
};

}  // namespace

Coverage coverage_of(const Program& program, const Binding& binding) {
  Coverage coverage;
  const Describer describer(program, binding);
  for (size_t call = 0; call < program.recording.graph.calls().size(); ++call)
    coverage.calls.push_back(describer.describe(call));
  const std::vector<std::string> integers = binding.integers();
  for (size_t call = 0; call < integers.size(); ++call)
    coverage.calls[call].integers = integers[call];
  coverage.unseen = binding.unseen();
  return coverage;
}

}  // namespace ff::model
