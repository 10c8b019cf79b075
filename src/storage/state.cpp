#include "storage/state.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <map>

#include "fastforward/core/api.h"
#include "fastforward/nn/quantizer_type.h"
#include "fastforward/storage/safetensors.h"
#include "fastforward/storage/state.h"
#include "storage/read_error.h"
#include "storage/sha256.h"
#include "storage/state_load.h"
#include "storage/state_value.h"
#include "storage/type_call.h"

namespace ff {
namespace storage {
namespace {

class StateWriter {
 public:
  StateWriter(std::string where, const ModelContents& contents) : where_(std::move(where)) {
    state_.library = version();
    state_.tensors = records_of(contents.tensors);
    state_.fingerprint = sha256(fingerprint_text(state_.tensors));
    for (const Place& place : contents.places)
      add(place);
  }

  const StateRecord& state() const {
    return state_;
  }
  const std::map<std::string, at::Tensor>& tensors() const {
    return tensors_;
  }

 private:
  void add(const Place& place) {
    const auto [index, is_new] = indices_.emplace(place.quantizer.get(), state_.quantizers.size());
    if (is_new)
      state_.quantizers.push_back(record_of(place));
    else
      state_.quantizers[index->second].places.push_back(place.path);
  }

  QuantizerRecord record_of(const Place& place) {
    const nn::QuantizerImpl& quantizer = *place.quantizer;
    const std::string title = where_ + ": quantizer '" + place.path + "'";
    const auto type = nn::find_quantizer_type(quantizer);
    TORCH_CHECK_VALUE(type.has_value(), title, " is a ", quantizer.name(),
                      ", which no file can name; call ff::nn::register_quantizer_type for it.");
    QuantizerRecord record;
    record.places = {place.path};
    record.type = type->name;
    const nn::QuantizerTensors tensors = tensors_of(quantizer);
    const nn::QuantizerSettings settings = call_type(title, [&] {
      // What load would refuse is not written.
      if (type->check != nullptr)
        type->check(quantizer, tensors, quantizer.metadata());
      return type->settings(quantizer);
    });
    record.settings = to_state_values(settings, title);
    for (const auto& parameter : quantizer.named_parameters()) {
      record.parameters.push_back(parameter.key());
      if (parameter.value().requires_grad())
        record.trained.push_back(parameter.key());
      keep(place, parameter.key(), parameter.value());
    }
    for (const auto& buffer : quantizer.named_buffers()) {
      record.buffers.push_back(buffer.key());
      keep(place, buffer.key(), buffer.value());
    }
    const nn::QuantizerMetadata& metadata = quantizer.metadata();
    for (const nn::Tag& tag : metadata.tags()) {
      const std::size_t levels = levels_of(tag.str());
      TORCH_CHECK_VALUE(levels <= kMostTagLevels, title, ": a tag of ", levels,
                        " levels; a file holds at most ", kMostTagLevels, ".");
      record.tags.push_back(tag.str());
    }
    record.shape = metadata.shape();
    record.attributes = to_state_values(metadata.attributes(), title);
    return record;
  }

  void keep(const Place& place, const std::string& name, const at::Tensor& tensor) {
    const bool is_new = tensors_.emplace(tensor_name(place.path, name), tensor).second;
    TORCH_CHECK_VALUE(is_new, where_, ": two tensors of quantizers are named '",
                      tensor_name(place.path, name), "'; rename one of them.");
  }

  std::string where_;
  StateRecord state_;
  std::map<std::string, at::Tensor> tensors_;
  std::map<const nn::QuantizerImpl*, std::size_t> indices_;
};

}  // namespace

void write_state(const std::string& where, const ModelContents& contents,
                 const std::filesystem::path& path) {
  const StateWriter writer(where, contents);
  std::string text;
  try {
    text = make_state_json(writer.state());
  } catch (const ReadError& error) {
    TORCH_CHECK_VALUE(false, where, ": ", error.what(), "; a file holds UTF-8 only.");
  }
  write_safetensors(path, writer.tensors(), {{"fastforward.quantization_state", text}});
}

}  // namespace storage

void save_quantization_state(const nn::ModuleRef& model, const std::filesystem::path& path) {
  storage::write_state("save_quantization_state: '" + path.string() + "'",
                       storage::contents_of(model), path);
}

LoadReport load_quantization_state(const nn::ModuleRef& model, const std::filesystem::path& path,
                                   const LoadOptions& options) {
  storage::StateLoad load("load_quantization_state", model, path, options);
  if (options.strict)
    load.check_complete();
  load.commit();
  return load.report();
}

}  // namespace ff
