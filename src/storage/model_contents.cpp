#include "storage/model_contents.h"

#include <c10/util/Exception.h>

#include <map>
#include <set>
#include <sstream>
#include <tuple>

#include "storage/safetensors_types.h"

namespace ff::storage {
namespace {

std::string dtype_name(at::ScalarType type) {
  const auto known = safetensors_type_of(type);
  return known.has_value() ? std::string(name_of(*known)) : c10::toString(type);
}

// Two tensors with one identity are the same memory seen the same way.
using Identity =
    std::tuple<const void*, int64_t, std::vector<int64_t>, std::vector<int64_t>, at::ScalarType>;

Identity identity_of(const at::Tensor& tensor) {
  if (!tensor.has_storage() || tensor.numel() == 0)
    return {tensor.unsafeGetTensorImpl(), 0, {}, {}, tensor.scalar_type()};
  return {tensor.storage().unsafeGetStorageImpl(), tensor.storage_offset(), tensor.sizes().vec(),
          tensor.strides().vec(), tensor.scalar_type()};
}

class Walk {
 public:
  ModelContents take() {
    return std::move(contents_);
  }

  void module(const std::string& path, torch::nn::Module& module) {
    for (const auto& parameter : module.named_parameters(/*recurse=*/false))
      tensor(tensor_name(path, parameter.key()), parameter.value());
    for (const auto& buffer : module.named_buffers(/*recurse=*/false))
      tensor(tensor_name(path, buffer.key()), buffer.value());
    for (const auto& child : module.named_children()) {
      const std::string child_path = tensor_name(path, child.key());
      if (auto quantizer = std::dynamic_pointer_cast<nn::QuantizerImpl>(child.value()))
        contents_.places.push_back({child_path, &module, child.key(), std::move(quantizer)});
      else if (child.value() != nullptr)
        this->module(child_path, *child.value());
    }
  }

  void root(nn::QuantizerImpl& quantizer) {
    auto owned = std::dynamic_pointer_cast<nn::QuantizerImpl>(quantizer.weak_from_this().lock());
    TORCH_CHECK_VALUE(owned != nullptr, quantizer.describe(),
                      " is not owned by a shared_ptr; make it with its holder, like "
                      "ff::nn::LinearQuantizer quantizer(8).");
    contents_.places.push_back({"", nullptr, "", std::move(owned)});
  }

 private:
  void tensor(const std::string& name, const at::Tensor& tensor) {
    if (!tensor.defined())
      return;
    TensorRecord record{name, dtype_name(tensor.scalar_type()), tensor.sizes().vec(), ""};
    const auto [first, is_new] = names_.emplace(identity_of(tensor), name);
    if (!is_new)
      record.same_as = first->second;
    contents_.tensors.push_back({std::move(record), tensor});
  }

  ModelContents contents_;
  std::map<Identity, std::string> names_;
};

std::string described(const TensorRecord& tensor) {
  std::ostringstream text;
  text << tensor.dtype << " " << at::IntArrayRef(tensor.shape);
  if (!tensor.same_as.empty())
    text << ", the same tensor as '" << tensor.same_as << "'";
  return text.str();
}

}  // namespace

ModelContents contents_of(const nn::ModuleRef& model) {
  Walk walk;
  if (auto* quantizer = dynamic_cast<nn::QuantizerImpl*>(&*model))
    walk.root(*quantizer);
  else
    walk.module("", *model);
  return walk.take();
}

std::vector<TensorRecord> records_of(const std::vector<ModelTensor>& tensors) {
  std::vector<TensorRecord> records;
  for (const ModelTensor& tensor : tensors)
    records.push_back(tensor.record);
  return records;
}

std::vector<std::string> differences(const std::vector<TensorRecord>& model,
                                     const std::vector<TensorRecord>& saved) {
  std::vector<std::string> found;
  std::map<std::string, const TensorRecord*> by_name;
  for (const TensorRecord& tensor : model)
    by_name.emplace(tensor.name, &tensor);
  std::set<std::string> saved_names;
  for (const TensorRecord& tensor : saved) {
    saved_names.insert(tensor.name);
    const auto ours = by_name.find(tensor.name);
    if (ours == by_name.end()) {
      found.push_back("the model has no tensor '" + tensor.name + "', saved as " +
                      described(tensor));
    } else if (!(*ours->second == tensor)) {
      found.push_back("'" + tensor.name + "' is " + described(*ours->second) + ", saved as " +
                      described(tensor));
    }
  }
  for (const TensorRecord& tensor : model) {
    if (saved_names.count(tensor.name) == 0)
      found.push_back("'" + tensor.name + "', " + described(tensor) + ", was not saved");
  }
  return found;
}

}  // namespace ff::storage
