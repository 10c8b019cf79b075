#include "model/binding.h"

#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>

#include <algorithm>

#include "core/quick_cast.h"
#include "fastforward/nn/disable_quantization.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/module_state.h"
#include "fastforward/nn/quantizer_stub.h"
#include "fastforward/nn/replace_quantizer.h"
#include "fastforward/quantization/affine.h"
#include "fastforward/quantization/bound_arguments.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "integer/packed_weight.h"
#include "model/normal_mode.h"

namespace ff::model {
namespace {

// Codes of more than 8 bits would only be dequantized again by each operator.
at::Tensor quantized(nn::QuantizerImpl& quantizer, const at::Tensor& weight, WeightForm form) {
  if (form == WeightForm::kCodes) {
    const at::Tensor tensor = quantizer.forward(weight);
    if (!is_quantized(tensor))
      return tensor;
    if (codes(tensor).scalar_type() == at::kChar)
      return integer::packable(tensor);
  }
  return quantizer.fake_quantize(weight);
}

// Calls visit(tensor) for each tensor that a quantized weight is made of.
template <typename Visit>
void visit_sources(const nn::QuantizerImpl& quantizer, const at::Tensor& weight,
                   const BatchNormFold* fold, const ModelTensors& tensors, const Visit& visit) {
  visit(weight);
  if (fold != nullptr) {
    for (const ValueId value : {fold->bias, fold->scale, fold->shift, fold->mean, fold->variance}) {
      if (value >= 0)
        visit(tensors.by_value[static_cast<size_t>(value)]);
    }
  }
  if (typeid(quantizer) == typeid(nn::LinearQuantizerImpl)) {
    const auto& linear = static_cast<const nn::LinearQuantizerImpl&>(quantizer);
    visit(linear.scale);
    if (linear.offset.defined())
      visit(linear.offset);
    return;
  }
  std::vector<at::Tensor> own;
  nn::detail::ModuleState::append_tensors(quantizer, own);
  std::for_each(own.begin(), own.end(), visit);
}

// True if the quantizer's function would be bound to the same arguments now.
bool is_bound_to(const BoundQuantizationFunction& function,
                 const nn::LinearQuantizerImpl& quantizer) {
  using Affine = detail::BoundArguments<AffineQuantizationFunction>;
  const auto* affine = quick_cast<const Affine>(&function.implementation());
  if (affine == nullptr || !quantizer.is_initialized())
    return false;
  const auto& [scale, offset, granularity, num_bits, codes_dtype] = affine->tuple();
  const auto& options = quantizer.options;
  return scale.is_same(quantizer.scale) &&
         offset.value_or(at::Tensor()).is_same(quantizer.offset) &&
         granularity == options.granularity() && num_bits == options.num_bits() &&
         codes_dtype == options.quantized_dtype();
}

}  // namespace

Binding::Source::Source(at::Tensor of)
    : tensor(std::move(of)),
      memory(tensor.const_data_ptr()),
      version(static_cast<uint32_t>(tensor._version())) {}

bool Binding::Source::is_still(const at::Tensor& now) const {
  return tensor.is_same(now) && memory == now.const_data_ptr() &&
         version == static_cast<uint32_t>(now._version());
}

Binding::Binding(std::shared_ptr<const Program> program)
    : program_(std::move(program)),
      sites_(program_->plan.places.size()),
      functions_(program_->plan.places.size()),
      integers_(program_->recording.graph.calls().size()) {
  for (auto& kept : kept_)
    kept.resize(program_->plan.places.size());
}

void Binding::set_site(size_t place, std::shared_ptr<SiteImpl> site) {
  sites_[place] = std::move(site);
}

nn::Quantizer Binding::quantizer(size_t place) const {
  const std::string& name = program_->place_names[place].name;
  // Without the two dynamic_casts of quantizer().
  const auto* child = nn::detail::ModuleState::find_child(*sites_[place], name);
  if (child != nullptr && typeid(**child) == typeid(nn::LinearQuantizerImpl))
    return std::static_pointer_cast<nn::LinearQuantizerImpl>(*child);
  return sites_[place]->quantizer(name);
}

std::optional<BoundQuantizationFunction> Binding::fixed_function(
    size_t place, const nn::QuantizerImpl& quantizer) {
  // A type derived from it may have another function.
  if (typeid(quantizer) != typeid(nn::LinearQuantizerImpl) ||
      !quantizer.overrides().entries()->empty())
    return quantizer.fixed_function();
  const auto& linear = static_cast<const nn::LinearQuantizerImpl&>(quantizer);
  const std::scoped_lock lock(mutex_);
  std::optional<BoundQuantizationFunction>& function = functions_[place];
  if (!function.has_value() || !is_bound_to(*function, linear))
    function = linear.fixed_function();
  return function;
}

void Binding::replace(size_t place, nn::Quantizer quantizer) {
  nn::replace_quantizer(*sites_[place], program_->place_names[place].name, std::move(quantizer));
}

std::shared_ptr<const ModelTensors> Binding::tensors(const FloatModel& model) {
  std::vector<at::Tensor> bare = model.source().bare_tensors();
  const std::scoped_lock lock(mutex_);
  const auto is_same = [](const at::Tensor& a, const at::Tensor& b) { return a.is_same(b); };
  if (tensors_ != nullptr &&
      std::equal(bare.begin(), bare.end(), bare_tensors_.begin(), bare_tensors_.end(), is_same))
    return tensors_;
  auto now = std::make_shared<ModelTensors>();
  now->by_value.resize(program_->recording.graph.values().size());
  for (const ModelValue& known : model_values(model, program_->recording)) {
    now->by_value[static_cast<size_t>(known.value)] = known.tensor;
    (known.is_captured ? now->captured : now->ids)
        .emplace(known.tensor.unsafeGetTensorImpl(), known.value);
  }
  tensors_ = std::move(now);
  bare_tensors_ = std::move(bare);
  return tensors_;
}

FoldedWeights Binding::folded(const BatchNormFold& fold, const at::Tensor& weight,
                              const ModelTensors& tensors) const {
  return fold_batch_norm(
      weight, fold.channel_axis, tensors[fold.bias],
      {tensors[fold.scale], tensors[fold.shift], tensors[fold.mean], tensors[fold.variance],
       program_->recording.graph.calls()[fold.norm].epsilon});
}

QuantizedWeight Binding::quantized_weight(size_t place, const at::Tensor& weight,
                                          const BatchNormFold* fold, const ModelTensors& tensors,
                                          WeightForm form) {
  nn::Quantizer quantizer = this->quantizer(place);
  std::optional<Kept>& kept = kept_[static_cast<size_t>(form)][place];
  bool may_keep = quantizer->overrides().entries()->empty();
  {
    const bool has_gradients = at::GradMode::is_enabled();
    const std::scoped_lock lock(mutex_);
    bool is_known = kept.has_value() && kept->quantizer.ptr() == quantizer.ptr();
    size_t count = 0;
    visit_sources(*quantizer, weight, fold, tensors, [&](const at::Tensor& source) {
      may_keep = may_keep && !source.is_inference() && !(has_gradients && source.requires_grad());
      is_known = is_known && count < kept->sources.size() && kept->sources[count].is_still(source);
      ++count;
    });
    if (may_keep && is_known && count == kept->sources.size())
      return kept->weight;
  }
  const bool is_just_off =
      quantizer->overrides().entries()->size() == 1 && is_quantization_disabled(*quantizer);
  if (nn::is_stub(*quantizer) || is_just_off)
    return {weight, {}};
  std::vector<Source> sources;  // as they are before they are read
  if (may_keep)
    visit_sources(*quantizer, weight, fold, tensors,
                  [&](const at::Tensor& source) { sources.emplace_back(source); });
  std::optional<NormalMode> normal;  // what is kept has a version
  if (may_keep && form == WeightForm::kCodes)
    normal.emplace();
  QuantizedWeight result;
  if (fold == nullptr) {
    result = {quantized(*quantizer, weight, form), {}};
  } else {
    const FoldedWeights folded = this->folded(*fold, weight, tensors);
    result = {quantized(*quantizer, folded.weight, form), folded.bias};
    if (result.weight.is_same(folded.weight))  // off
      result = {weight, {}};
  }
  if (may_keep) {
    const std::scoped_lock lock(mutex_);
    kept = Kept{quantizer, std::move(sources), result};
  }
  return result;
}

void Binding::forget_weights(WeightForm form) {
  const std::scoped_lock lock(mutex_);
  for (std::optional<Kept>& kept : kept_[static_cast<size_t>(form)])
    kept.reset();
}

void Binding::note_integers(size_t call, uint32_t conditions, std::string how) {
  const std::scoped_lock lock(mutex_);
  integers_[call] = {conditions, std::move(how)};
}

bool Binding::knows_integers(size_t call, uint32_t conditions) const {
  const std::scoped_lock lock(mutex_);
  return !integers_[call].how.empty() && integers_[call].conditions == conditions;
}

std::vector<std::string> Binding::integers() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> all;
  for (const Noted& noted : integers_)
    all.push_back(noted.how);
  return all;
}

void Binding::forget_integers() {
  const std::scoped_lock lock(mutex_);
  std::fill(integers_.begin(), integers_.end(), Noted());
}

bool Binding::count_unseen(const std::string& call) {
  const std::scoped_lock lock(mutex_);
  const bool is_first = unseen_.empty();
  ++unseen_[call];
  return is_first;
}

std::map<std::string, int64_t> Binding::unseen() const {
  const std::scoped_lock lock(mutex_);
  return unseen_;
}

}  // namespace ff::model
