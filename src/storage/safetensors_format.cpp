#include "storage/safetensors_format.h"

#include "core/json.h"
#include "storage/read_error.h"

#include <algorithm>
#include <array>
#include <limits>

namespace ff::storage {
namespace {

// LibTorch's operators take at most 64 dimensions.
constexpr std::size_t kMaxDimensions = 64;
// Elements of the longest tensor: 64 bits of each still count in 63 bits.
constexpr std::int64_t kMaxElements = std::numeric_limits<std::int64_t>::max() / 64;
constexpr std::string_view kMetadata = "__metadata__";

struct TypeRow {
  std::string_view name;
  unsigned bits;
};

// By SafetensorsType.
constexpr std::array<TypeRow, 22> kTypes = {{
    {"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
    {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
    {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
    {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
    {"I64", 64},        {"U64", 64},
}};

[[noreturn]] void fail(std::uint64_t offset, const std::string& what) {
  throw ReadError("byte " + std::to_string(offset) + ": " + what);
}

std::string shape_text(const SafetensorsRecord& record) {
  std::string text = std::string(name_of(record.type)) + " [";
  for (std::size_t axis = 0; axis < record.shape.size(); ++axis)
    text += (axis > 0 ? ", " : "") + std::to_string(record.shape[axis]);
  return text + "]";
}

std::string title(const SafetensorsRecord& record) {
  return "tensor " + json::quoted(record.name, 80) + ", " + shape_text(record);
}

SafetensorsType read_type(const json::Value& value) {
  static const auto names = [] {
    std::array<std::string_view, kTypes.size()> list;
    std::transform(kTypes.begin(), kTypes.end(), list.begin(),
                   [](const TypeRow& row) { return row.name; });
    return list;
  }();
  return static_cast<SafetensorsType>(value.choice(names));
}

// The sizes, and the bytes that they need.
std::uint64_t read_shape(const json::Value& value, SafetensorsRecord& record) {
  const std::vector<json::Value> sizes = value.items();
  if (sizes.size() > kMaxDimensions)
    value.fail_expected("at most " + std::to_string(kMaxDimensions) + " sizes");
  std::int64_t product = 1;  // with 1 in place of 0: LibTorch computes strides with it
  bool is_empty = false;
  for (const json::Value& item : sizes) {
    const std::int64_t size = item.integer(0, std::numeric_limits<std::int64_t>::max());
    record.shape.push_back(size);
    is_empty = is_empty || size == 0;
    if (product > kMaxElements / std::max<std::int64_t>(size, 1))
      item.fail("the size " + std::to_string(size) + " makes the tensor larger than 2^57 elements");
    product *= std::max<std::int64_t>(size, 1);
  }
  const std::uint64_t bits =
      is_empty ? 0 : static_cast<std::uint64_t>(product) * bits_of(record.type);
  if (bits % 8 != 0)
    value.fail(shape_text(record) + " takes " + std::to_string(bits) + " bits, not whole bytes");
  return bits / 8;
}

SafetensorsRecord read_record(std::string_view name, const json::Value& value,
                              std::uint64_t data_start) {
  value.expect_keys({"dtype", "shape", "data_offsets"});
  SafetensorsRecord record;
  record.name = name;
  record.type = read_type(value.at("dtype"));
  record.bytes = read_shape(value.at("shape"), record);
  const json::Value range = value.at("data_offsets");
  const std::vector<json::Value> ends = range.items();
  if (ends.size() != 2)
    range.fail_expected("begin and end");
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max() / 2;
  const std::int64_t begin = ends[0].integer(0, kMax), end = ends[1].integer(0, kMax);
  if (end < begin || static_cast<std::uint64_t>(end - begin) != record.bytes) {
    range.fail("[" + std::to_string(begin) + ", " + std::to_string(end) + "], but " +
               shape_text(record) + " takes " + std::to_string(record.bytes) + " bytes");
  }
  record.offset = data_start + static_cast<std::uint64_t>(begin);
  return record;
}

void read_metadata(const json::Value& value, SafetensorsHeader& header) {
  for (const json::Value::Member& member : value.members())
    header.metadata.emplace(member.key, member.value.string());
}

void check_ranges(const SafetensorsHeader& header, std::uint64_t data_start,
                  std::uint64_t file_bytes) {
  std::uint64_t end = data_start;
  for (const SafetensorsRecord& record : header.tensors) {
    if (record.offset != end) {
      fail(record.offset, title(record) + " begins here, but the data before it end at byte " +
                              std::to_string(end) +
                              (record.offset < end ? ": they overlap" : ": there is a hole"));
    }
    end += record.bytes;
    if (end > file_bytes) {
      fail(file_bytes, "the file ends inside " + title(record) + ", which goes on to byte " +
                           std::to_string(end));
    }
  }
  if (end < file_bytes) {
    fail(end, "expected the end of the file after the last tensor, but " +
                  std::to_string(file_bytes - end) + " more bytes follow");
  }
}

}  // namespace

std::string_view name_of(SafetensorsType type) {
  return kTypes[static_cast<std::size_t>(type)].name;
}

unsigned bits_of(SafetensorsType type) {
  return kTypes[static_cast<std::size_t>(type)].bits;
}

std::size_t safetensors_header_bytes(std::span<const std::byte> preamble,
                                     std::uint64_t file_bytes) {
  if (preamble.size() < kSafetensorsPreambleBytes)
    fail(preamble.size(), "the file ends inside its first 8 bytes, the length of the header");
  std::uint64_t length = 0;
  for (std::size_t i = kSafetensorsPreambleBytes; i-- > 0;)
    length = length << 8 | std::to_integer<std::uint64_t>(preamble[i]);
  if (length > kMaxSafetensorsHeaderBytes) {
    fail(0, "the header is said to have " + std::to_string(length) + " bytes, at most " +
                std::to_string(kMaxSafetensorsHeaderBytes) +
                " are allowed; is this a safetensors file?");
  }
  if (length > file_bytes - kSafetensorsPreambleBytes) {
    fail(0, "the header is said to have " + std::to_string(length) + " bytes, but the file has " +
                std::to_string(file_bytes) + " bytes in all");
  }
  return static_cast<std::size_t>(length);
}

SafetensorsHeader parse_safetensors_header(std::string_view text, std::uint64_t file_bytes) {
  if (!text.starts_with('{'))
    fail(kSafetensorsPreambleBytes, "the header does not begin with '{'");
  const std::size_t last = text.find_last_not_of(' ');
  if (text[last] != '}') {
    fail(kSafetensorsPreambleBytes + last,
         "expected the end of the header, '}' and then nothing but spaces");
  }
  const std::uint64_t data_start = kSafetensorsPreambleBytes + text.size();
  SafetensorsHeader header;
  try {
    const json::Document document = json::Document::parse(
        "header", text,
        {.bytes = kMaxSafetensorsHeaderBytes, .depth = 3, .values = std::size_t{1} << 24},
        kSafetensorsPreambleBytes);
    for (const json::Value::Member& member : document.root().members()) {
      if (member.key == kMetadata)
        read_metadata(member.value, header);
      else
        header.tensors.push_back(read_record(member.key, member.value, data_start));
    }
  } catch (const json::Error& error) {
    throw ReadError(error.what());
  }
  // Empty tensors lie before what begins at the same byte.
  std::sort(header.tensors.begin(), header.tensors.end(), [](const auto& a, const auto& b) {
    return a.offset != b.offset ? a.offset < b.offset
           : a.bytes != b.bytes ? a.bytes < b.bytes
                                : a.name < b.name;
  });
  check_ranges(header, data_start, file_bytes);
  return header;
}

bool is_stored_before(const SafetensorsRecord& a, const SafetensorsRecord& b) {
  return a.type != b.type ? a.type > b.type : a.name < b.name;
}

std::string make_safetensors_start(std::vector<SafetensorsRecord>& tensors,
                                   const std::map<std::string, std::string>& metadata) {
  std::string text = "{";
  if (!metadata.empty()) {
    text += json::quoted(kMetadata) + ":{";
    for (const auto& [key, value] : metadata)
      text += (text.back() == '{' ? "" : ",") + json::quoted(key) + ":" + json::quoted(value);
    text += "}";
  }
  std::uint64_t offset = 0;
  for (SafetensorsRecord& record : tensors) {
    text += (text.size() > 1 ? "," : "") + json::quoted(record.name) + ":{\"dtype\":\"" +
            std::string(name_of(record.type)) + "\",\"shape\":[";
    for (std::size_t axis = 0; axis < record.shape.size(); ++axis)
      text += (axis > 0 ? "," : "") + std::to_string(record.shape[axis]);
    text += "],\"data_offsets\":[" + std::to_string(offset) + "," +
            std::to_string(offset + record.bytes) + "]}";
    record.offset = offset;
    offset += record.bytes;
  }
  text += "}";
  text.append((8 - text.size() % 8) % 8, ' ');
  std::string start;
  for (unsigned shift = 0; shift < 64; shift += 8)
    start += static_cast<char>(static_cast<std::uint64_t>(text.size()) >> shift & 0xFF);
  start += text;
  for (SafetensorsRecord& record : tensors)
    record.offset += start.size();
  return start;
}

}  // namespace ff::storage
