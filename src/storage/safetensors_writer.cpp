#include "fastforward/storage/safetensors.h"

#include "core/json.h"
#include "fastforward/storage/atomic_file.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "storage/safetensors_types.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <ostream>

namespace ff::storage {
namespace {

std::string title(const std::filesystem::path& path, const std::string& name) {
  return "write_safetensors: '" + path.string() + "': tensor " + json::quoted(name, 80) + ": ";
}

SafetensorsRecord record_of(const std::filesystem::path& path, const std::string& name,
                            const at::Tensor& tensor) {
  TORCH_CHECK_VALUE(name != "__metadata__" && json::is_utf8(name), title(path, name),
                    "the name cannot be written; expected UTF-8 other than __metadata__");
  TORCH_CHECK_VALUE(tensor.defined(), title(path, name), "it is undefined; leave it out");
  TORCH_CHECK_TYPE(!is_quantized(tensor), title(path, name),
                   "it is quantized, which the format has no type for; write ff::dequantize of it, "
                   "or its ff::codes and parameters");
  TORCH_CHECK_TYPE(tensor.layout() == at::kStrided && !tensor.is_quantized() && !tensor.is_meta() &&
                       tensor.has_storage(),
                   title(path, name), "it has no plain memory (layout ", tensor.layout(),
                   ", device ", tensor.device(), ", type ", tensor.scalar_type(),
                   "); expected a dense tensor with data");
  const std::optional<SafetensorsType> type = safetensors_type_of(tensor.scalar_type());
  TORCH_CHECK_TYPE(type.has_value(), title(path, name), "the format has no type for ",
                   tensor.scalar_type(), "; convert it to another type");
  TORCH_CHECK_VALUE(tensor.dim() <= 64, title(path, name), "it has ", tensor.dim(),
                    " dimensions, at most 64 can be read");
  SafetensorsRecord record;
  record.name = name;
  record.type = *type;
  record.shape = tensor.sizes().vec();
  record.bytes = static_cast<std::uint64_t>(tensor.numel()) * bits_of(*type) / 8;
  return record;
}

void check_metadata(const std::filesystem::path& path,
                    const std::map<std::string, std::string>& metadata) {
  for (const auto& [key, value] : metadata) {
    TORCH_CHECK_VALUE(json::is_utf8(key) && json::is_utf8(value), "write_safetensors: '",
                      path.string(), "': metadata ", json::quoted(key, 80), ": expected UTF-8");
  }
}

void write_data(std::ostream& out, const at::Tensor& tensor) {
  const at::Tensor plain = tensor.detach().resolve_conj().resolve_neg().cpu().contiguous();
  out.write(static_cast<const char*>(plain.const_data_ptr()),
            static_cast<std::streamsize>(plain.nbytes()));
}

}  // namespace

void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  check_metadata(path, metadata);
  std::vector<SafetensorsRecord> records;
  records.reserve(tensors.size());
  for (const auto& [name, tensor] : tensors)
    records.push_back(record_of(path, name, tensor));
  std::sort(records.begin(), records.end(), is_stored_before);
  const std::string start = make_safetensors_start(records, metadata);
  TORCH_CHECK_VALUE(start.size() - kSafetensorsPreambleBytes <= kMaxSafetensorsHeaderBytes,
                    "write_safetensors: '", path.string(), "': the header would have ",
                    start.size() - kSafetensorsPreambleBytes, " bytes, at most ",
                    kMaxSafetensorsHeaderBytes, " can be read; write several files");
  write_file_atomically(path, [&](std::ostream& out) {
    out.write(start.data(), static_cast<std::streamsize>(start.size()));
    for (const SafetensorsRecord& record : records)
      write_data(out, tensors.at(record.name));
  });
}

}  // namespace ff::storage
