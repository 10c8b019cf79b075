#include "fastforward/model/summary.h"

#include <ATen/TensorOperators.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>

#include "core/table_text.h"
#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/quantizer_stub.h"
#include "fastforward/nn/range_settable.h"

namespace ff {
namespace {

using Row = std::vector<std::string>;

// Without those that another one is below of.
std::vector<std::string> special_tags(const nn::QuantizerMetadata& metadata) {
  std::vector<std::string> result;
  for (const nn::Tag& tag : metadata.tags()) {
    const std::string prefix = tag.str() + "/";
    const bool is_above = std::any_of(
        metadata.tags().begin(), metadata.tags().end(),
        [&](const nn::Tag& other) { return other.str().compare(0, prefix.size(), prefix) == 0; });
    if (!is_above)
      result.push_back(tag.str());
  }
  return result;
}

QuantizerSummary summary_of(const std::string& name, const nn::QuantizerImpl& quantizer) {
  QuantizerSummary line;
  line.name = name;
  line.tags = special_tags(quantizer.metadata());
  line.type = mpath::detail::class_name_of(quantizer);
  line.initialized = !nn::is_stub(quantizer);
  if (const auto* linear = dynamic_cast<const nn::LinearQuantizerImpl*>(&quantizer)) {
    line.num_bits = linear->options.num_bits();
  } else if (const auto* dynamic =
                 dynamic_cast<const nn::DynamicLinearQuantizerImpl*>(&quantizer)) {
    line.num_bits = dynamic->options.num_bits();
    line.granularity = to_string(dynamic->options.granularity());
  }
  if (const auto* settable = dynamic_cast<const nn::RangeSettable*>(&quantizer)) {
    if (const auto* ranged = dynamic_cast<const nn::SupportsRangeBasedOperator*>(&quantizer))
      line.granularity = to_string(ranged->granularity());
    const auto range = settable->quantization_range();
    line.initialized = range.has_value();
    if (range.has_value() && range->min.numel() > 0) {
      line.range = {range->min.min().item<double>(), range->max.max().item<double>()};
      line.tiles = range->min.numel();
    }
  }
  return line;
}

std::string text_of(const QuantizerSummary& line) {
  if (!line.range.has_value())
    return line.initialized ? "-" : "not initialized";
  std::ostringstream stream;
  stream << std::setprecision(4) << line.range->first << " to " << line.range->second;
  if (*line.tiles > 1)
    stream << " (" << *line.tiles << " tiles)";
  return stream.str();
}

Row row_of(const QuantizerSummary& line) {
  return {line.name,
          c10::Join(", ", line.tags),
          line.type,
          line.num_bits.has_value() ? std::to_string(*line.num_bits) : "-",
          line.granularity.value_or("-"),
          text_of(line)};
}

}  // namespace

std::string Summary::to_json() const {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const QuantizerSummary& line : quantizers) {
    nlohmann::ordered_json entry = {{"name", line.name}, {"tags", line.tags}, {"type", line.type}};
    entry["num_bits"] = nullptr;
    entry["granularity"] = nullptr;
    entry["range"] = nullptr;
    entry["tiles"] = nullptr;
    if (line.num_bits.has_value())
      entry["num_bits"] = *line.num_bits;
    if (line.granularity.has_value())
      entry["granularity"] = *line.granularity;
    if (line.range.has_value())
      entry["range"] = {line.range->first, line.range->second};
    if (line.tiles.has_value())
      entry["tiles"] = *line.tiles;
    entry["initialized"] = line.initialized;
    all.push_back(entry);
  }
  return nlohmann::ordered_json{{"quantizers", all}}.dump(2);
}

std::ostream& operator<<(std::ostream& stream, const Summary& summary) {
  std::vector<Row> rows{{"quantizer", "tags", "type", "bits", "granularity", "range"}};
  for (const QuantizerSummary& line : summary.quantizers)
    rows.push_back(row_of(line));
  write_table(stream, rows);
  return stream;
}

Summary summarize(const nn::ModuleRef& model) {
  Summary summary;
  for (const auto& [name, quantizer] : nn::named_quantizers(model, /*skip_stubs=*/false))
    summary.quantizers.push_back(summary_of(name, *quantizer));
  return summary;
}

Summary summarize(const QuantizerCollection& quantizers) {
  Summary summary;
  for (const mpath::Match& match : quantizers) {
    summary.quantizers.push_back(
        summary_of(match.name, dynamic_cast<const nn::QuantizerImpl&>(*match.module)));
  }
  return summary;
}

}  // namespace ff
