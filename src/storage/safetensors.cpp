#include "fastforward/storage/safetensors.h"

#include "core/json.h"
#include "storage/memory_map.h"
#include "storage/read_error.h"
#include "storage/safetensors_types.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace ff::storage {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr const char* kWhere = "SafetensorsFile";

SafetensorsHeader read_header(const MemoryMap& map) {
  const std::span<const std::byte> bytes = map.bytes();
  const std::span<const std::byte> preamble =
      bytes.first(std::min(bytes.size(), kSafetensorsPreambleBytes));
  const std::size_t length = safetensors_header_bytes(preamble, bytes.size());
  const auto* text = reinterpret_cast<const char*>(bytes.data() + kSafetensorsPreambleBytes);
  return parse_safetensors_header({text, length}, bytes.size());
}

void check_bools(std::span<const std::byte> data, std::uint64_t offset, const std::string& title) {
  const auto wrong =
      std::find_if(data.begin(), data.end(), [](std::byte byte) { return byte > std::byte{1}; });
  TORCH_CHECK_VALUE(wrong == data.end(), title, "byte ",
                    offset + static_cast<std::uint64_t>(wrong - data.begin()), ": a BOOL is ",
                    std::to_integer<int>(*wrong), "; expected 0 or 1");
}

}  // namespace

struct SafetensorsFile::State {
  std::filesystem::path path;
  MemoryMap map;
  std::map<std::string, std::string> metadata;
  std::vector<std::string> names;
  std::map<std::string, SafetensorsEntry> entries;

  explicit State(const std::filesystem::path& path_) : path(path_), map(kWhere, path_) {
    SafetensorsHeader header;
    try {
      header = read_header(map);
    } catch (const ReadError& error) {
      TORCH_CHECK_VALUE(false, title(), error.what());
    }
    metadata = std::move(header.metadata);
    for (SafetensorsRecord& record : header.tensors) {
      names.push_back(record.name);
      entries.emplace(
          std::move(record.name),
          SafetensorsEntry{std::string(name_of(record.type)), scalar_type_of(record.type),
                           std::move(record.shape), record.offset, record.bytes});
    }
  }

  std::string title() const {
    return std::string(kWhere) + ": '" + path.string() + "': ";
  }

  const SafetensorsEntry& entry(const std::string& name) const {
    const auto found = entries.find(name);
    TORCH_CHECK_VALUE(found != entries.end(), title(), "no tensor ", json::quoted(name, 80), "; ",
                      names.empty() ? "the file has none"
                                    : "it has " + std::to_string(names.size()) + ", the first is " +
                                          json::quoted(names.front(), 80));
    return found->second;
  }
};

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : state_(std::make_shared<const State>(path)) {}

const std::vector<std::string>& SafetensorsFile::names() const {
  return state_->names;
}

const std::map<std::string, std::string>& SafetensorsFile::metadata() const {
  return state_->metadata;
}

bool SafetensorsFile::has(const std::string& name) const {
  return state_->entries.count(name) != 0;
}

const SafetensorsEntry& SafetensorsFile::entry(const std::string& name) const {
  return state_->entry(name);
}

const std::filesystem::path& SafetensorsFile::path() const {
  return state_->path;
}

at::Tensor SafetensorsFile::tensor(const std::string& name) const {
  const SafetensorsEntry& entry = state_->entry(name);
  const std::string title = state_->title() + "tensor " + json::quoted(name, 80) + ": ";
  TORCH_CHECK_NOT_IMPLEMENTED(entry.scalar_type.has_value(), title, "LibTorch has no type for ",
                              entry.dtype, "; convert the file to another type");
  const auto options = at::TensorOptions().dtype(*entry.scalar_type);
  const std::span<std::byte> data = state_->map.bytes().subspan(entry.offset, entry.bytes);
  if (entry.scalar_type == at::kBool)
    check_bools(data, entry.offset, title);
  if (data.empty())
    return at::empty(entry.shape, options);
  const std::size_t element_bytes = c10::elementSize(*entry.scalar_type);
  if (reinterpret_cast<std::uintptr_t>(data.data()) % element_bytes != 0) {
    at::Tensor copy = at::empty(entry.shape, options);
    std::memcpy(copy.mutable_data_ptr(), data.data(), data.size());
    return copy;
  }
  return at::from_blob(
      data.data(), entry.shape, [keep = state_](void*) {}, options);
}

std::map<std::string, at::Tensor> SafetensorsFile::tensors() const {
  std::map<std::string, at::Tensor> all;
  for (const std::string& name : names())
    all.emplace(name, tensor(name));
  return all;
}

std::map<std::string, at::Tensor> read_safetensors(const std::filesystem::path& path) {
  return SafetensorsFile(path).tensors();
}

}  // namespace ff::storage
