#include "storage/state_load.h"

#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <new>
#include <set>
#include <sstream>
#include <utility>

#include "core/error.h"
#include "fastforward/nn/quantizer_stub.h"
#include "fastforward/nn/quantizer_type.h"
#include "storage/read_error.h"
#include "storage/sha256.h"
#include "storage/state_value.h"
#include "storage/type_call.h"

namespace ff::storage {
namespace {

constexpr std::size_t kMostShown = 5;

nn::QuantizerMetadata metadata_of(const QuantizerRecord& record) {
  nn::QuantizerMetadata metadata;
  for (const std::string& tag : record.tags)
    metadata.add_tag(tag);
  if (record.shape.has_value())
    metadata.set_shape(*record.shape);
  metadata.attributes() = to_ivalues(record.attributes);
  return metadata;
}

// True if the quantizer is of the saved type and was made with the saved settings.
bool is_alike(const nn::QuantizerImpl& quantizer, const QuantizerRecord& record) {
  const auto type = nn::find_quantizer_type(quantizer);
  return type.has_value() && type->name == record.type &&
         to_state_values(type->settings(quantizer), record.type) == record.settings;
}

std::string names_of(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names)
    list += (list.empty() ? "" : ", ") + name;
  return list.empty() ? "none" : list;
}

std::string quoted_place(const std::string& place) {
  return place.empty() ? "the model itself" : "'" + place + "'";
}

}  // namespace

StateLoad::StateLoad(std::string where, const nn::ModuleRef& model,
                     const std::filesystem::path& path, const LoadOptions& options)
    : where_(std::move(where) + ": '" + path.string() + "': "),
      options_(options),
      contents_(contents_of(model)) {
  if (!options_.device.has_value() && !contents_.tensors.empty() &&
      !contents_.tensors.front().tensor.is_meta())
    options_.device = contents_.tensors.front().tensor.device();
  // What is made in inference mode could never be trained.
  const c10::InferenceMode off(false);
  const SafetensorsFile file(path);
  read(file);
  report_.differences = differences(records_of(contents_.tensors), state_.tensors);
  for (const QuantizerRecord& record : state_.quantizers) {
    call_type(where_ + "quantizer '" + record.places.front() + "'", [&] { plan(record, file); });
  }
  find_missing();
}

void StateLoad::read(const SafetensorsFile& file) {
  const auto text = file.metadata().find("fastforward.quantization_state");
  TORCH_CHECK_VALUE(text != file.metadata().end(), where_,
                    "its metadata have no \"fastforward.quantization_state\"; expected a file of "
                    "save_quantization_state");
  try {
    state_ = parse_state_json(text->second);
  } catch (const ReadError& error) {
    TORCH_CHECK_VALUE(false, where_, error.what());
  }
  TORCH_CHECK_VALUE(sha256(fingerprint_text(state_.tensors)) == state_.fingerprint, where_,
                    "state: /fingerprint: it is not the hash of /tensors; the file is damaged");
  std::set<std::string> expected;
  for (const QuantizerRecord& record : state_.quantizers) {
    for (const auto* names : {&record.parameters, &record.buffers}) {
      for (const std::string& name : *names) {
        const std::string full = tensor_name(record.places.front(), name);
        TORCH_CHECK_VALUE(file.has(full), where_, "the tensor '", full,
                          "', which the state names, is missing; the file is damaged");
        TORCH_CHECK_VALUE(expected.insert(full).second, where_, "the tensor '", full,
                          "' belongs to two quantizers; the file is damaged");
      }
    }
  }
  for (const std::string& name : file.names()) {
    TORCH_CHECK_VALUE(expected.count(name) != 0, where_, "the tensor '", name,
                      "' belongs to no quantizer; the file is damaged");
  }
}

void StateLoad::skip(const std::vector<std::string>& places, const std::string& reason) {
  for (const std::string& place : places)
    report_.skipped.push_back({place, reason});
}

void StateLoad::plan(const QuantizerRecord& record, const SafetensorsFile& file) {
  Step step;
  std::vector<std::string> found;
  for (const std::string& name : record.places) {
    const auto place = std::find_if(contents_.places.begin(), contents_.places.end(),
                                    [&](const Place& candidate) { return candidate.path == name; });
    if (place == contents_.places.end()) {
      report_.skipped.push_back({name, "the model has no quantizer or stub there"});
    } else {
      found.push_back(name);
      step.places.push_back(&*place);
    }
  }
  if (found.empty())
    return;
  step.metadata = metadata_of(record);
  std::string reason = make(record, step);
  if (reason.empty())
    reason = take_tensors(record, file, step);
  if (reason.empty())
    steps_.push_back(std::move(step));
  else
    skip(found, reason);
}

// Decides whether a quantizer is loaded in place, or makes a new one. Returns why neither works.
std::string StateLoad::make(const QuantizerRecord& record, Step& step) const {
  const auto& first = step.places.front()->quantizer;
  const auto is_first = [&](const Place& place) { return place.quantizer == first; };
  const auto standing = static_cast<std::size_t>(
      std::count_if(contents_.places.begin(), contents_.places.end(), is_first));
  const bool is_shared_alike = standing == step.places.size() &&
                               std::all_of(step.places.begin(), step.places.end(),
                                           [&](const Place* place) { return is_first(*place); });
  if (is_shared_alike && is_alike(*first, record)) {
    step.quantizer = nn::Quantizer(first);
    return "";
  }
  if (step.places.front()->parent == nullptr)
    return "the model itself is a quantizer of another type or with other settings";
  const auto type = nn::find_quantizer_type(record.type);
  if (!type.has_value()) {
    return "no quantizer type is registered as '" + record.type + "' (known are " +
           names_of(nn::quantizer_type_names()) + "); call ff::nn::register_quantizer_type first";
  }
  try {
    step.quantizer = type->make(to_ivalues(record.settings));
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {  // make() may be anybody's
    return "the settings are refused: " + error_text(error);
  }
  if (step.quantizer.is_empty())
    return "the make() of the type '" + record.type + "' gave no quantizer";
  if (options_.device.has_value())
    step.quantizer->to(*options_.device);
  step.replaced = step.places;
  return "";
}

// Copies the tensors out of the file. Returns why they do not fit.
std::string StateLoad::take_tensors(const QuantizerRecord& record, const SafetensorsFile& file,
                                    Step& step) const {
  const nn::QuantizerTensors targets = tensors_of(*step.quantizer);
  const std::set<std::string> trained(record.trained.begin(), record.trained.end());
  std::vector<std::string> names = record.parameters;
  names.insert(names.end(), record.buffers.begin(), record.buffers.end());
  nn::QuantizerTensors found;
  for (const std::string& name : names) {
    const auto target = targets.find(name);
    if (target == targets.end() || names.size() != targets.size()) {
      std::vector<std::string> expected;
      for (const auto& entry : targets)
        expected.push_back(entry.first);
      return "the file has the tensors " + names_of(names) + ", but a " + record.type + " has " +
             names_of(expected);
    }
    const std::string full = tensor_name(record.places.front(), name);
    const at::Tensor values = file.tensor(full);
    TORCH_CHECK_VALUE(values.is_floating_point() == target->second.is_floating_point() &&
                          values.is_complex() == target->second.is_complex(),
                      "the tensor '", full, "' is ", values.scalar_type(), ", which cannot be the ",
                      name, " of a ", record.type, ", of type ", target->second.scalar_type(),
                      "; the file is damaged");
    TORCH_CHECK_VALUE(trained.count(name) == 0 || values.is_floating_point(), "the tensor '", full,
                      "' is ", values.scalar_type(),
                      ", which cannot be trained; the file is damaged");
    found.emplace(name, values);
    // Memory of its own, not that of the file.
    step.tensors.push_back(
        {name, values.clone().to(target->second.device()), trained.count(name) != 0});
  }
  if (names.empty() && !targets.empty())
    return "the file has no tensors for it, but a " + record.type + " has some";
  const auto type = nn::find_quantizer_type(*step.quantizer);
  if (type.has_value() && type->check != nullptr)
    type->check(*step.quantizer, found, step.metadata);
  return "";
}

void StateLoad::find_missing() {
  std::set<std::string> saved;
  for (const QuantizerRecord& record : state_.quantizers)
    saved.insert(record.places.begin(), record.places.end());
  for (const Place& place : contents_.places) {
    if (saved.count(place.path) == 0)
      report_.missing.push_back(place.path);
  }
}

void StateLoad::check_complete() const {
  std::vector<std::string> problems = report_.differences;
  for (const LoadReport::Skipped& skipped : report_.skipped)
    problems.push_back(quoted_place(skipped.name) + ": " + skipped.reason);
  for (const std::string& name : report_.missing)
    problems.push_back(quoted_place(name) + " of the model was not saved");
  if (problems.empty())
    return;
  std::string text;
  for (std::size_t i = 0; i < std::min(problems.size(), kMostShown); ++i)
    text += (i > 0 ? "; " : "") + problems[i];
  if (problems.size() > kMostShown)
    text += "; and " + std::to_string(problems.size() - kMostShown) + " more";
  TORCH_CHECK_VALUE(false, where_, "it does not fit the model: ", text,
                    ". Load it onto the model that was saved, or with strict = false what fits.");
}

// Puts a new quantizer into its places; all or none. Returns false if that was not possible and is
// in the report.
bool StateLoad::replace(const Step& step) {
  const std::size_t before = change_.size();
  try {
    for (const Place* place : step.replaced)
      change_.replace(*place, step.quantizer);
    return true;
  } catch (const c10::Error& error) {
    if (options_.strict)
      throw;
    change_.undo(before);
    for (const Place* place : step.places)
      report_.skipped.push_back({place->path, error.what_without_backtrace()});
    return false;
  }
}

void StateLoad::write(const Step& step) {
  const nn::QuantizerTensors targets = tensors_of(*step.quantizer);
  for (const Tensors& tensor : step.tensors)
    change_.write(targets.at(tensor.name), tensor.values, tensor.is_trained);
  change_.describe(step.quantizer, step.metadata, step.places.front()->path);
  for (const Place* place : step.places)
    report_.loaded.push_back(place->path);
}

void StateLoad::commit() {
  const c10::InferenceMode off(false);
  const at::NoGradGuard no_grad;
  try {
    for (const Step& step : steps_) {
      if (replace(step))
        with_location([&] { return quoted_place(step.places.front()->path); },
                      [&] { write(step); });
    }
  } catch (const c10::Error&) {
    change_.undo();
    rethrow_with_location(location());
  } catch (...) {
    change_.undo();
    throw;
  }
}

}  // namespace ff::storage
