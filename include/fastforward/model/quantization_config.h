#pragma once

#include <iosfwd>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/model/mpath.h"
#include "fastforward/model/quantizer_collection.h"
#include "fastforward/nn/named_quantizers.h"
#include "fastforward/range_setting/estimator.h"

namespace ff {

/// What a QuantizationConfig did to a model.
struct FF_API ConfigReport {
  /// What became of one rule.
  struct Rule {
    /// Its query.
    std::string query;
    /// Paths of the places that it filled.
    std::vector<std::string> filled;
    /// Paths of places that it matches too, but a later rule filled.
    std::vector<std::string> overridden;
    /// Paths of places that it matches, but had a quantizer already (OverwritePolicy::kSkip).
    std::vector<std::string> skipped;
    /// What estimates the ranges of what it filled, null if the rule does not say.
    std::shared_ptr<range_setting::RangeEstimator> estimator;

    /// True if it matches no quantizer and no stub.
    bool matches_nothing() const {
      return filled.empty() && overridden.empty() && skipped.empty();
    }
  };

  /// One for each rule, in their order.
  std::vector<Rule> rules;
  /// Paths of the stubs that no rule matches.
  std::vector<std::string> left;
};

/// Writes a line for each rule with its numbers, and its places below; then what is left.
FF_API std::ostream& operator<<(std::ostream& stream, const ConfigReport& report);

/// Ordered rules that say which quantizer goes where: a selector and what to make. Where several
/// match, the last one added wins.
///
///     ff::QuantizationConfig config;
///     config
///         .add_rule<ff::nn::LinearQuantizer>("**/[qtag:parameter/weight]",
///                                            ff::nn::LinearQuantizerOptions(4))
///         .add_rule<ff::nn::LinearQuantizer>("head/[qtag:parameter/weight]",
///                                            ff::nn::LinearQuantizerOptions(8));
///     std::cout << config.initialize(model);
///
/// Source: FastForward's QuantizationConfig.
class FF_API QuantizationConfig {
 public:
  /// Adds a rule with a factory. Throws c10::ValueError if it is empty.
  QuantizationConfig& add_rule(mpath::Selector selector, QuantizerFactory factory);
  /// Adds a rule for quantizers of type `Holder`, with options or a function of the metadata.
  template <typename Holder, typename Options>
  QuantizationConfig& add_rule(mpath::Selector selector, Options options) {
    return add_rule(std::move(selector), make_quantizers<Holder>(std::move(options)));
  }

  /// Says what estimates the ranges of the quantizers that the rule added last makes, where
  /// ff::calibrate does it. Throws c10::ValueError if there is no rule yet or `estimator` is null.
  QuantizationConfig& estimate_with(std::shared_ptr<range_setting::RangeEstimator> estimator);
  /// Adds a rule that leaves in float the places that `selector` matches, and those below modules
  /// and sites that it matches.
  QuantizationConfig& leave_float(mpath::Selector selector);
  /// Adds the rules of `later` after these, so that they win.
  QuantizationConfig& append(const QuantizationConfig& later);

  /// Returns the selectors of the rules.
  std::vector<mpath::Selector> selectors() const;
  /// Returns the selectors of the rules but those of leave_float().
  std::vector<mpath::Selector> quantizing_selectors() const;
  /// Returns the number of rules.
  size_t size() const {
    return rules_.size();
  }

  /// Fills the places of `model` that the rules match, and says what each rule did.
  ///
  /// Quantizers are made first and put in place then, so an error leaves the model as it was. A
  /// rule that matches nothing gives a warning (TORCH_WARN) and stands in the report. Throws as
  /// QuantizerCollection::initialize.
  ConfigReport initialize(const nn::ModuleRef& model,
                          OverwritePolicy policy = OverwritePolicy::kError) const;

 private:
  struct Rule {
    mpath::Selector selector;
    QuantizerFactory factory;
    std::shared_ptr<range_setting::RangeEstimator> estimator;
    bool leaves_float;
  };

  std::vector<Rule> rules_;
};

}  // namespace ff
