#include "fastforward/storage/quantized_model.h"

#include <ATen/MemoryOverlap.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>

#include <map>
#include <random>
#include <span>
#include <vector>

#include "fastforward/storage/atomic_file.h"
#include "fastforward/storage/safetensors.h"
#include "storage/manifest.h"
#include "storage/memory_map.h"
#include "storage/read_error.h"
#include "storage/sha256.h"
#include "storage/state.h"
#include "storage/state_load.h"

namespace ff {
namespace storage {
namespace {

namespace fs = std::filesystem;

constexpr const char* kManifestName = "manifest.json";

std::string title(const char* where, const fs::path& folder) {
  return std::string(where) + ": '" + folder.string() + "': ";
}

Manifest read_manifest(const char* where, const fs::path& folder) {
  const MemoryMap map(where, folder / kManifestName);
  const auto bytes = map.bytes();
  try {
    return parse_manifest_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  } catch (const ReadError& error) {
    TORCH_CHECK_VALUE(false, title(where, folder), error.what());
  }
}

void check_file(const char* where, const fs::path& folder, const ManifestFile& file) {
  const MemoryMap map(where, folder / file.name);
  TORCH_CHECK_VALUE(map.bytes().size() == file.bytes, title(where, folder), "'", file.name,
                    "' has ", map.bytes().size(), " bytes, the manifest says ", file.bytes,
                    "; the file is damaged or of another model");
  const std::string found = sha256(map.bytes());
  TORCH_CHECK_VALUE(found == file.sha256, title(where, folder), "'", file.name,
                    "' has the SHA-256 ", found, ", the manifest says ", file.sha256,
                    "; the file is damaged or of another model");
}

// New files in a folder, removed again unless they are kept.
class NewFiles {
 public:
  explicit NewFiles(const fs::path& folder) : folder_(folder) {}
  ~NewFiles() {
    std::error_code ignored;
    for (const std::string& name : names_)
      fs::remove(folder_ / name, ignored);
  }
  NewFiles(const NewFiles&) = delete;
  NewFiles& operator=(const NewFiles&) = delete;

  // A free name, "weights.0123456789ab.safetensors".
  std::string add(const std::string& stem) {
    constexpr const char* kDigits = "0123456789abcdef";
    std::random_device random;
    std::string name;
    do {
      name = stem + ".";
      for (int digit = 0; digit < 12; ++digit)
        name += kDigits[random() & 15];
      name += ".safetensors";
    } while (fs::exists(folder_ / name));
    names_.push_back(name);
    return name;
  }
  void keep() {
    names_.clear();
  }

 private:
  const fs::path& folder_;
  std::vector<std::string> names_;
};

ManifestFile describe_file(const char* where, const fs::path& folder, const std::string& name) {
  const MemoryMap map(where, folder / name);
  return {name, map.bytes().size(), sha256(map.bytes())};
}

std::vector<std::string> listed_files(const char* where, const fs::path& folder) {
  try {
    const Manifest manifest = read_manifest(where, folder);
    return {manifest.weights.name, manifest.quantization_state.name};
  } catch (const c10::Error&) {
    return {};  // none, or one that cannot be read: then nothing is removed
  }
}

// One weight of the file and the tensor of the model that takes it.
struct Copy {
  std::string name;
  at::Tensor from, to;
};

// Throws unless a tensor of the model can be written to: nothing may fail once the model changes.
void check_writable(const std::string& where, const ModelTensor& tensor) {
  const at::Tensor& to = tensor.tensor;
  const std::string name = "the model's tensor '" + tensor.record.name + "'";
  TORCH_CHECK_VALUE(to.layout() == at::kStrided && !to.is_meta(), where, name, " ",
                    to.is_meta() ? "is on the meta device and has no memory"
                                 : "is sparse and cannot take dense values",
                    "; load onto a model with dense tensors");
  TORCH_CHECK_VALUE(at::has_internal_overlap(to) != at::MemOverlap::Yes, where, name,
                    " has elements that share memory; load onto a model where it is contiguous");
  TORCH_CHECK_VALUE(!to.is_inference() || c10::InferenceMode::is_enabled(), where, name,
                    " was made in inference mode and can only be written in inference mode; load "
                    "inside a c10::InferenceMode guard");
}

// Pairs the weights of the file with those of the model. What does not fit is in the report, as a
// difference or with its own reason.
std::vector<Copy> pair_weights(const std::string& where, StateLoad& load,
                               const SafetensorsFile& file) {
  std::map<std::string, const TensorRecord*> saved;
  for (const TensorRecord& record : load.saved_tensors()) {
    saved.emplace(record.name, &record);
    if (!record.same_as.empty())
      continue;
    TORCH_CHECK_VALUE(file.has(record.name) && file.entry(record.name).dtype == record.dtype &&
                          file.entry(record.name).shape == record.shape,
                      where, "the weights have no tensor '", record.name, "' of ", record.dtype,
                      " ", at::IntArrayRef(record.shape),
                      ", as the quantization state says; the files are not of one model");
  }
  std::map<std::string, const TensorRecord*> ours;
  std::vector<Copy> copies;
  for (const ModelTensor& tensor : load.contents().tensors) {
    ours.emplace(tensor.record.name, &tensor.record);
    const auto found = saved.find(tensor.record.name);
    if (found == saved.end()) {
      load.report().missing.push_back(tensor.record.name);
    } else if (tensor.record.dtype != found->second->dtype ||
               tensor.record.shape != found->second->shape) {
      load.report().skipped.push_back({tensor.record.name, "its type or shape differs"});
    } else if (!tensor.record.same_as.empty()) {
      if (tensor.record.same_as == found->second->same_as)
        load.report().loaded.push_back(tensor.record.name);
      else
        load.report().skipped.push_back(
            {tensor.record.name, "the model has it as the same tensor as '" +
                                     tensor.record.same_as + "', the file does not"});
    } else {
      check_writable(where, tensor);
      const TensorRecord& source = *found->second;
      copies.push_back({source.name,
                        file.tensor(source.same_as.empty() ? source.name : source.same_as),
                        tensor.tensor});
    }
  }
  for (const TensorRecord& record : load.saved_tensors()) {
    if (ours.count(record.name) == 0)
      load.report().skipped.push_back({record.name, "the model has no such tensor"});
  }
  return copies;
}

}  // namespace
}  // namespace storage

void save_quantized_model(const nn::ModuleRef& model, const std::filesystem::path& folder) {
  using namespace storage;
  constexpr const char* kWhere = "save_quantized_model";
  const ModelContents contents = contents_of(model);
  std::error_code error;
  std::filesystem::create_directory(folder, error);
  TORCH_CHECK_VALUE(
      !error && std::filesystem::is_directory(folder), title(kWhere, folder),
      "the folder cannot be made: ", error ? error.message() : "something else has this name");
  const std::vector<std::string> earlier = listed_files(kWhere, folder);

  NewFiles files(folder);
  const std::string weights = files.add("weights");
  std::map<std::string, at::Tensor> tensors;
  for (const ModelTensor& tensor : contents.tensors) {
    if (tensor.record.same_as.empty())
      tensors.emplace(tensor.record.name, tensor.tensor);
  }
  write_safetensors(folder / weights, tensors);
  const std::string state = files.add("quantization_state");
  write_state(title(kWhere, folder).substr(0, title(kWhere, folder).size() - 2), contents,
              folder / state);
  const std::string text =
      make_manifest_json({std::string(version()), describe_file(kWhere, folder, weights),
                          describe_file(kWhere, folder, state)});
  try {
    write_file_atomically(folder / kManifestName, std::as_bytes(std::span(text)));
  } catch (const c10::Error&) {
    // The folder could not be flushed, but the new manifest may be in place and needs its files.
    if (listed_files(kWhere, folder) == std::vector<std::string>{weights, state})
      files.keep();
    throw;
  }
  files.keep();
  for (const std::string& name : earlier)
    std::filesystem::remove(folder / name, error);
}

LoadReport load_quantized_model(const nn::ModuleRef& model, const std::filesystem::path& folder,
                                const LoadOptions& options) {
  using namespace storage;
  constexpr const char* kWhere = "load_quantized_model";
  const Manifest manifest = read_manifest(kWhere, folder);
  check_file(kWhere, folder, manifest.weights);
  check_file(kWhere, folder, manifest.quantization_state);

  StateLoad load(kWhere, model, folder / manifest.quantization_state.name, options);
  const SafetensorsFile weights(folder / manifest.weights.name);
  const std::vector<Copy> copies = pair_weights(title(kWhere, folder), load, weights);
  if (options.strict)
    load.check_complete();
  load.commit();
  const at::NoGradGuard no_grad;
  try {
    for (const Copy& copy : copies) {
      at::Tensor to = copy.to;
      to.copy_(copy.from);
      load.report().loaded.push_back(copy.name);
    }
  } catch (...) {
    load.undo();
    throw;
  }
  return load.report();
}

}  // namespace ff
