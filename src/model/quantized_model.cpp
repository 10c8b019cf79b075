#include "fastforward/model/quantized_model.h"

#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <map>
#include <set>

#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/quantizer_stub.h"
#include "fastforward/range_setting/min_max.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "integer/code_memory.h"
#include "model/binding.h"
#include "model/coverage_of.h"
#include "model/integer_runner.h"
#include "model/normal_mode.h"
#include "model/program.h"
#include "model/unmatched_rules.h"
#include "model/weight_ranges.h"

namespace ff {
namespace {

using model::OwnerImpl;
using model::Place;
using model::SiteImpl;

// The tree: owners by their path, made when they are first asked for.
class Tree {
 public:
  Tree(torch::nn::Module& root, const detail::ModelSource& source) : root_(root), source_(source) {}

  torch::nn::Module& owner(const std::string& path, bool is_of_model) {
    if (path.empty())
      return root_;
    std::shared_ptr<torch::nn::Module>& known = owners_[path];
    if (known == nullptr) {
      const detail::ModelOwner original =
          is_of_model ? source_.owner(path) : detail::ModelOwner{"inputs", nullptr};
      known = std::make_shared<OwnerImpl>(original.class_name, original.module);
      owner(model::owner_path(path), is_of_model)
          .register_module(path.substr(path.rfind('.') + 1), known);
    }
    return *known;
  }

  std::shared_ptr<SiteImpl> site(const std::string& path, const std::string& class_name,
                                 bool is_of_model) {
    std::shared_ptr<SiteImpl>& known = sites_[path];
    if (known == nullptr) {
      known = std::make_shared<SiteImpl>(class_name);
      owner(model::owner_path(path), is_of_model)
          .register_module(path.substr(path.rfind('.') + 1), known);
    }
    return known;
  }

 private:
  torch::nn::Module& root_;
  const detail::ModelSource& source_;
  std::map<std::string, std::shared_ptr<torch::nn::Module>> owners_;
  std::map<std::string, std::shared_ptr<SiteImpl>> sites_;
};

nn::QuantizerMetadata metadata_of(const Place& place, const model::Value& value) {
  const nn::Tag& tag = place.kind == Place::Kind::kInput    ? nn::default_tags::input_quantizer
                       : place.kind == Place::Kind::kWeight ? nn::default_tags::weight_quantizer
                                                            : nn::default_tags::output_quantizer;
  nn::QuantizerMetadata metadata({tag});
  if (place.kind == Place::Kind::kWeight) {
    metadata.set_shape(value.shape);
    metadata.attributes()["channel_axis"] =
        place.channel_axis.has_value() ? c10::IValue(*place.channel_axis) : c10::IValue();
  }
  if (place.kind != Place::Kind::kWeight)
    metadata.attributes()["dims"] = static_cast<int64_t>(value.shape.size());
  if (place.is_nonnegative)
    metadata.attributes()["nonnegative"] = true;
  return metadata;
}

bool needs_range(const nn::QuantizerImpl& quantizer) {
  const auto* settable = dynamic_cast<const nn::RangeSettable*>(&quantizer);
  return settable != nullptr && !settable->quantization_range().has_value();
}

}  // namespace

QuantizedModelImpl::QuantizedModelImpl(FloatModel model,
                                       std::shared_ptr<const model::Program> program)
    : torch::nn::Module("QuantizedModel"),
      float_model_(std::move(model)),
      program_(std::move(program)),
      binding_(std::make_unique<model::Binding>(program_)) {
  build_tree();
  torch::nn::Module::train(float_model_.is_training());
}

QuantizedModelImpl::~QuantizedModelImpl() = default;

void QuantizedModelImpl::build_tree() {
  Tree tree(*this, float_model_.source());
  const auto add = [&](const std::string& path, const at::Tensor& tensor, bool is_buffer) {
    torch::nn::Module& owner = tree.owner(model::owner_path(path), true);
    const std::string name = path.substr(path.rfind('.') + 1);
    std::optional<c10::InferenceMode> as_it_was_made;
    if (tensor.is_inference())
      as_it_was_made.emplace();
    if (is_buffer)
      owner.register_buffer(name, tensor);
    else
      owner.register_parameter(name, tensor, tensor.requires_grad());
  };
  for (const detail::ModelTensor& tensor : float_model_.source().tensors())
    add(tensor.name, tensor.tensor, tensor.is_buffer);
  for (const auto& [name, tensor] : program_->recording.captured)
    add(name, tensor, !tensor.requires_grad());
  const model::CallGraph& graph = program_->recording.graph;
  for (size_t place = 0; place < program_->plan.places.size(); ++place) {
    if (program_->plan.places[place].kind == Place::Kind::kInput)
      tree.site(program_->place_names[place].site, "input", false);
  }
  for (size_t call = 0; call < graph.calls().size(); ++call)
    tree.site(program_->call_sites[call], graph.calls()[call].op->name, true);
  for (size_t place = 0; place < program_->plan.places.size(); ++place) {
    const model::PlaceName& name = program_->place_names[place];
    const Place& planned = program_->plan.places[place];
    const std::shared_ptr<SiteImpl> site = tree.site(name.site, "", true);
    site->add_place(name.name, metadata_of(planned, graph.value(planned.value)));
    binding_->set_site(place, site);
  }
  nn::named_quantizers(*this, /*skip_stubs=*/false);  // tells them their paths
}

c10::IValue QuantizedModelImpl::run(const Inputs& inputs) {
  if (!is_integer_ && !integers_enabled()) {
    model::Runner runner(*this, binding_->tensors(float_model_));
    return model::run(runner, float_model_, inputs);
  }
  model::IntegerRunner runner(*this, binding_->tensors(float_model_));
  return runner.finish(model::run(runner, float_model_, inputs));
}

void QuantizedModelImpl::to_integer(bool on) {
  is_integer_ = on;
  binding_->forget_integers();
  binding_->forget_weights(on ? model::WeightForm::kValues : model::WeightForm::kCodes);
  if (!on)
    integer::release_code_memory();
}

at::Tensor QuantizedModelImpl::one_tensor(const c10::IValue& result) {
  TORCH_CHECK_TYPE(result.isTensor(), "QuantizedModel: the model gives a ", result.tagKind(),
                   ", not one tensor; call run(), which gives it as an IValue.");
  return result.toTensor();
}

ConfigReport QuantizedModelImpl::initialize(const QuantizationConfig& config,
                                            OverwritePolicy policy) {
  const NormalMode normal;
  explain_unmatched(config);
  ConfigReport report = config.initialize(*this, policy);
  for (const ConfigReport::Rule& rule : report.rules) {
    for (const std::string& path : rule.filled) {
      estimators_.erase(path);
      if (rule.estimator != nullptr)
        estimators_[path] = rule.estimator;
    }
  }
  nn::named_quantizers(*this);
  initialize_weights();
  return report;
}

// A rule that names an operator without such a place would be ignored, unseen. One that would match
// every operator names none: the model just has no weights, say.
void QuantizedModelImpl::explain_unmatched(const QuantizationConfig& config) {
  for (const mpath::Selector& selector : config.quantizing_selectors()) {
    if (!find_quantizers(selector).empty())
      continue;
    const std::vector<std::string> paths = model::matches_without_place(selector, *this);
    if (paths.empty() || paths.size() >= program_->call_sites.size())
      continue;
    const std::string& path = paths.front();
    const Coverage known = coverage();
    const auto call =
        std::find_if(known.calls.begin(), known.calls.end(), [&](const CallCoverage& candidate) {
          return path == candidate.site || path.rfind(candidate.site + ".", 0) == 0;
        });
    std::string reason = call == known.calls.end() ? "" : call->reason;
    std::vector<std::string> places;
    for (const model::PlaceName& name : program_->place_names) {
      if (call != known.calls.end() && name.site == call->site)
        places.push_back(name.name);
    }
    if (!places.empty())
      reason = "it has '" + c10::Join("' and '", places) + "' only";
    std::string example = places.empty() ? "**/[cls:conv2d]/weight" : call->site + "/" + places[0];
    std::replace(example.begin(), example.end(), '.', '/');
    TORCH_CHECK_VALUE(
        false, "QuantizedModel: the rule '", selector.str(), "' matches '", path,
        "', where nothing can be quantized", reason.empty() ? "" : ": " + reason,
        ". Quantizers are the children 'weight' and 'output' of the sites that coverage() lists as "
        "quantized; write the rule for one of them, like '",
        example, "'.");
  }
}

void QuantizedModelImpl::initialize_weights() {
  const NormalMode normal;
  const std::shared_ptr<const model::ModelTensors> tensors = binding_->tensors(float_model_);
  for (size_t place = 0; place < program_->plan.places.size(); ++place) {
    if (program_->plan.places[place].kind != Place::Kind::kWeight)
      continue;
    nn::Quantizer quantizer = binding_->quantizer(place);
    if (!needs_range(*quantizer))
      continue;
    const at::Tensor weight = model::weight_of(*program_, *binding_, place, *tensors);
    std::shared_ptr<range_setting::RangeEstimator> estimator =
        this->estimator(binding_->path(place));
    if (estimator == nullptr)
      estimator = range_setting::running_minmax();
    if (weight.defined())
      model::set_range(*quantizer, *estimator, weight);
  }
}

void QuantizedModelImpl::set_estimator(const std::string& path,
                                       std::shared_ptr<range_setting::RangeEstimator> estimator) {
  TORCH_CHECK_VALUE(estimator != nullptr, "QuantizedModel: the estimator for '", path,
                    "' is null; give one like ff::range_setting::mse_grid().");
  estimators_[path] = std::move(estimator);
}

std::shared_ptr<range_setting::RangeEstimator> QuantizedModelImpl::estimator(
    const std::string& path) const {
  const auto found = estimators_.find(path);
  return found == estimators_.end() ? nullptr : found->second;
}

std::vector<std::string> QuantizedModelImpl::uninitialized() const {
  std::vector<std::string> paths;
  for (size_t place = 0; place < program_->plan.places.size(); ++place) {
    if (needs_range(*binding_->quantizer(place)))
      paths.push_back(binding_->path(place));
  }
  return paths;
}

std::vector<std::string> QuantizedModelImpl::weight_places() const {
  std::vector<std::string> paths;
  for (size_t place = 0; place < program_->plan.places.size(); ++place) {
    if (program_->plan.places[place].kind == Place::Kind::kWeight)
      paths.push_back(binding_->path(place));
  }
  return paths;
}

at::Tensor QuantizedModelImpl::weight(const std::string& path) const {
  const at::NoGradGuard no_grad;
  for (size_t place = 0; place < program_->plan.places.size(); ++place) {
    if (program_->plan.places[place].kind == Place::Kind::kWeight && binding_->path(place) == path)
      return model::weight_of(*program_, *binding_, place, *binding_->tensors(float_model_));
  }
  return {};
}

bool QuantizedModelImpl::depends_on_grad_mode() const {
  return program_->recording.depends_on_grad_mode;
}

std::vector<at::Tensor> QuantizedModelImpl::model_parameters() const {
  std::vector<at::Tensor> parameters;
  for (const detail::ModelTensor& tensor : float_model_.source().tensors()) {
    if (tensor.tensor.requires_grad())
      parameters.push_back(tensor.tensor);
  }
  for (const auto& [name, tensor] : program_->recording.captured) {
    if (tensor.requires_grad())
      parameters.push_back(tensor);
  }
  return parameters;
}

std::vector<at::Tensor> QuantizedModelImpl::quantizer_parameters() const {
  std::vector<at::Tensor> parameters;
  std::set<const nn::QuantizerImpl*> seen;
  for (size_t place = 0; place < program_->plan.places.size(); ++place) {
    const nn::Quantizer quantizer = binding_->quantizer(place);
    if (!seen.insert(quantizer.ptr().get()).second)
      continue;
    const std::vector<at::Tensor> own = quantizer->parameters();
    parameters.insert(parameters.end(), own.begin(), own.end());
  }
  return parameters;
}

std::vector<Site> QuantizedModelImpl::sites() const {
  std::vector<Site> sites;
  const model::CallGraph& graph = program_->recording.graph;
  for (size_t i = 0; i < graph.calls().size(); ++i) {
    const model::Call& call = graph.calls()[i];
    const bool has_shape = !call.results.empty() && call.results[0] >= 0;
    sites.push_back({program_->call_sites[i], call.op->name,
                     has_shape ? graph.value(call.results[0]).shape : std::vector<int64_t>()});
  }
  return sites;
}

Coverage QuantizedModelImpl::coverage() const {
  return model::coverage_of(*program_, *binding_);
}

void QuantizedModelImpl::train(bool on) {
  torch::nn::Module::train(on);
  float_model_.train(on);
}

std::shared_ptr<torch::nn::Module> QuantizedModelImpl::clone(
    const std::optional<torch::Device>& device) const {
  auto copy = std::make_shared<QuantizedModelImpl>(float_model_.clone(), program_);
  std::map<const nn::QuantizerImpl*, std::shared_ptr<nn::QuantizerImpl>> copies;
  for (size_t place = 0; place < program_->plan.places.size(); ++place) {
    const nn::Quantizer quantizer = binding_->quantizer(place);
    std::shared_ptr<nn::QuantizerImpl>& known = copies[quantizer.ptr().get()];
    if (known == nullptr)
      known = std::dynamic_pointer_cast<nn::QuantizerImpl>(quantizer->clone());
    copy->binding_->replace(place, known);
  }
  copy->estimators_ = estimators_;
  copy->strict_ = strict_;
  copy->is_integer_ = is_integer_;
  copy->train(is_training());
  nn::named_quantizers(*copy, /*skip_stubs=*/false);
  if (device.has_value())
    copy->to(*device);
  return copy;
}

}  // namespace ff
