#include "fastforward/model/quantization_config.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <ostream>
#include <unordered_map>

#include "fastforward/nn/quantizer_stub.h"

namespace ff {
namespace {

using mpath::Match;

void write_places(std::ostream& stream, const char* what, const std::vector<std::string>& places) {
  for (const std::string& place : places)
    stream << "    " << what << place << "\n";
}

}  // namespace

QuantizationConfig& QuantizationConfig::add_rule(mpath::Selector selector,
                                                 QuantizerFactory factory) {
  TORCH_CHECK_VALUE(factory != nullptr, "QuantizationConfig: the factory of the rule '",
                    selector.str(), "' is empty.");
  rules_.push_back({std::move(selector), std::move(factory), nullptr, false});
  return *this;
}

QuantizationConfig& QuantizationConfig::estimate_with(
    std::shared_ptr<range_setting::RangeEstimator> estimator) {
  TORCH_CHECK_VALUE(!rules_.empty(),
                    "QuantizationConfig: estimate_with needs a rule; call add_rule() first.");
  TORCH_CHECK_VALUE(estimator != nullptr, "QuantizationConfig: the estimator of the rule '",
                    rules_.back().selector.str(),
                    "' is null; give one like ff::range_setting::mse_grid().");
  rules_.back().estimator = std::move(estimator);
  return *this;
}

QuantizationConfig& QuantizationConfig::leave_float(mpath::Selector selector) {
  add_rule(std::move(selector), [](const std::string&, const nn::QuantizerImpl&) {
    return nn::Quantizer(std::make_shared<nn::QuantizerStubImpl>());
  });
  rules_.back().leaves_float = true;
  return *this;
}

QuantizationConfig& QuantizationConfig::append(const QuantizationConfig& later) {
  const std::vector<Rule> rules = later.rules_;  // `later` may be this one
  rules_.insert(rules_.end(), rules.begin(), rules.end());
  return *this;
}

std::vector<mpath::Selector> QuantizationConfig::selectors() const {
  std::vector<mpath::Selector> result;
  for (const Rule& rule : rules_)
    result.push_back(rule.selector);
  return result;
}

std::vector<mpath::Selector> QuantizationConfig::quantizing_selectors() const {
  std::vector<mpath::Selector> result;
  for (const Rule& rule : rules_) {
    if (!rule.leaves_float)
      result.push_back(rule.selector);
  }
  return result;
}

ConfigReport QuantizationConfig::initialize(const nn::ModuleRef& model,
                                            OverwritePolicy policy) const {
  ConfigReport report;
  std::vector<QuantizerCollection> found;
  // By module, so that a quantizer with two names follows one rule.
  std::unordered_map<const torch::nn::Module*, size_t> winner;
  for (const Rule& rule : rules_) {
    found.push_back(find_quantizers(model, rule.leaves_float
                                               ? rule.selector | rule.selector / mpath::query("**")
                                               : rule.selector));
    for (const Match& match : found.back())
      winner[match.module.get()] = found.size() - 1;
  }
  for (size_t i = 0; i < rules_.size(); ++i) {
    ConfigReport::Rule line{rules_[i].selector.str(), {}, {}, {}, rules_[i].estimator};
    for (const Match& match : found[i]) {
      const bool wins = winner.at(match.module.get()) == i;
      const bool is_kept = policy == OverwritePolicy::kSkip && !nn::is_stub(*match.module);
      (is_kept ? line.skipped : wins ? line.filled : line.overridden).push_back(match.name);
    }
    if (line.matches_nothing())
      TORCH_WARN("QuantizationConfig: the rule '", line.query,
                 "' matches no quantizer of the model.");
    report.rules.push_back(std::move(line));
  }
  const QuantizerCollection all = find_quantizers(model, "**");
  std::vector<Match> chosen;
  for (const Match& match : all) {
    if (winner.count(match.module.get()) != 0)
      chosen.push_back(match);
    else if (nn::is_stub(*match.module))
      report.left.push_back(match.name);
  }
  QuantizerCollection(mpath::MPathCollection(*model, chosen))
      .initialize(
          [&](const std::string& path, const nn::QuantizerImpl& present) {
            return rules_[winner.at(&present)].factory(path, present);
          },
          policy);
  return report;
}

std::ostream& operator<<(std::ostream& stream, const ConfigReport& report) {
  for (const ConfigReport::Rule& rule : report.rules) {
    stream << rule.query << ": " << rule.filled.size() << " filled, " << rule.overridden.size()
           << " overridden by a later rule, " << rule.skipped.size() << " skipped\n";
    write_places(stream, "", rule.filled);
    write_places(stream, "overridden: ", rule.overridden);
    write_places(stream, "skipped: ", rule.skipped);
  }
  if (!report.left.empty())
    stream << "without a rule: " << report.left.size() << "\n";
  write_places(stream, "", report.left);
  return stream;
}

}  // namespace ff
