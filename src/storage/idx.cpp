#include "fastforward/storage/idx.h"

#include "storage/byte_reader.h"
#include "storage/idx_format.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <span>

namespace ff::storage {
namespace {

at::ScalarType dtype_of(IdxType type) {
  switch (type) {
    case IdxType::kUInt8:
      return at::kByte;
    case IdxType::kInt8:
      return at::kChar;
    case IdxType::kInt16:
      return at::kShort;
    case IdxType::kInt32:
      return at::kInt;
    case IdxType::kFloat32:
      return at::kFloat;
    case IdxType::kFloat64:
      return at::kDouble;
  }
  TORCH_INTERNAL_ASSERT(false, "an IDX type that the parser let pass");
}

at::Tensor read_tensor(ByteReader& reader) {
  const IdxHeader header = read_idx_header(reader);
  at::Tensor data = at::empty(header.sizes, at::TensorOptions().dtype(dtype_of(header.type)));
  const std::span<std::byte> payload(static_cast<std::byte*>(data.mutable_data_ptr()),
                                     header.payload_bytes);
  read_idx_payload(reader, header, payload);
  return data;
}

}  // namespace

at::Tensor read_idx(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  TORCH_CHECK_VALUE(std::filesystem::exists(status), "read_idx: '", path.string(),
                    "' cannot be opened: ", error.message(),
                    "; expected an IDX file, plain or gzip");
  TORCH_CHECK_VALUE(std::filesystem::is_regular_file(status), "read_idx: '", path.string(),
                    "' is not a regular file; expected an IDX file, plain or gzip");
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  const std::uintmax_t stream_bytes = std::filesystem::file_size(path, error);
  TORCH_CHECK_VALUE(stream.is_open() && !error, "read_idx: '", path.string(),
                    "' cannot be opened: ", error ? error.message() : std::strerror(errno));
  std::optional<ByteReader> reader;
  try {
    reader.emplace(stream, stream_bytes);
    return read_tensor(*reader);
  } catch (const ReadError& read_error) {
    const bool is_gzip = reader.has_value() && reader->is_gzip();
    TORCH_CHECK_VALUE(false, "read_idx: '", path.string(), "'",
                      is_gzip ? " (gzip; bytes are counted inflated)" : "", ": ",
                      read_error.what());
  }
}

}  // namespace ff::storage
