#include "fastforward/model/quantizer_collection.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <map>
#include <ostream>
#include <unordered_set>

#include "fastforward/model/summary.h"
#include "fastforward/nn/quantizer_stub.h"
#include "fastforward/nn/replace_quantizer.h"

namespace ff {
namespace {

using mpath::Match;

nn::QuantizerImpl& quantizer_of(const Match& match) {
  return dynamic_cast<nn::QuantizerImpl&>(*match.module);
}

std::vector<Match> quantizers_among(const mpath::MPathCollection& matches) {
  std::vector<Match> result;
  std::copy_if(matches.begin(), matches.end(), std::back_inserter(result), [](const Match& match) {
    return dynamic_cast<const nn::QuantizerImpl*>(match.module.get()) != nullptr;
  });
  return result;
}

bool is_stub(const nn::QuantizerImpl& quantizer) {
  return dynamic_cast<const nn::QuantizerStubImpl*>(&quantizer) != nullptr;
}

void check_still_there(const Match& match) {
  const auto children = match.parent->named_children();
  const auto* child = children.find(match.key);
  TORCH_CHECK_VALUE(child != nullptr && *child == match.module, "QuantizerCollection: '",
                    match.name,
                    "' has been replaced since it was found; call find_quantizers() "
                    "again.");
}

// Whether there is to be a new quantizer.
bool is_to_be_made(const Match& match, OverwritePolicy policy) {
  if (is_stub(quantizer_of(match)))
    return true;
  TORCH_CHECK_VALUE(policy != OverwritePolicy::kError, "QuantizerCollection: '", match.name,
                    "' has a ", mpath::ModuleNode(*match.module).class_name(),
                    " already; give OverwritePolicy::kOverwrite to replace it, or kSkip to keep "
                    "it.");
  return policy == OverwritePolicy::kOverwrite;
}

}  // namespace

QuantizerCollection::QuantizerCollection(const mpath::MPathCollection& matches)
    : MPathCollection(matches.root(), quantizers_among(matches)) {}

void QuantizerCollection::initialize(const QuantizerFactory& factory, OverwritePolicy policy) {
  TORCH_CHECK_VALUE(factory != nullptr, "QuantizerCollection: the factory is empty.");
  std::map<const torch::nn::Module*, nn::Quantizer> made;
  for (const Match& match : matches()) {
    check_still_there(match);
    if (!is_to_be_made(match, policy) || made.count(match.module.get()) != 0)
      continue;
    const nn::Quantizer quantizer = factory(match.name, quantizer_of(match));
    TORCH_CHECK_VALUE(!quantizer.is_empty(),
                      "QuantizerCollection: the factory made no quantizer "
                      "for '",
                      match.name, "'; give a QuantizerStub to pass data on unchanged.");
    made.emplace(match.module.get(), quantizer);
  }
  for (Match& match : matches()) {
    const auto found = made.find(match.module.get());
    if (found == made.end())
      continue;
    nn::replace_quantizer(*match.parent, match.key, found->second);
    match.module = found->second.ptr();
  }
}

std::vector<std::shared_ptr<nn::QuantizerImpl>> QuantizerCollection::quantizers() const {
  std::vector<std::shared_ptr<nn::QuantizerImpl>> result;
  std::unordered_set<const torch::nn::Module*> seen;
  for (const Match& match : *this) {
    if (seen.insert(match.module.get()).second)
      result.push_back(std::dynamic_pointer_cast<nn::QuantizerImpl>(match.module));
  }
  return result;
}

QuantizerCollection find_quantizers(const nn::ModuleRef& model, const mpath::Selector& selector) {
  return QuantizerCollection(mpath::search(selector, model));
}

std::ostream& operator<<(std::ostream& stream, const QuantizerCollection& quantizers) {
  return stream << summarize(quantizers);
}

}  // namespace ff
