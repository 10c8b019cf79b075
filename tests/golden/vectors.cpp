#include "golden/vectors.h"

#include <cstring>
#include <fstream>
#include <stdexcept>

namespace golden {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw std::runtime_error("cannot open " + path.string());
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<int64_t> integers(const json& value) {
  return value.is_array() ? value.get<std::vector<int64_t>>()
                          : std::vector<int64_t>{value.get<int64_t>()};
}

}  // namespace

const torch::Tensor& Case::at(const std::string& name) const {
  return tensors.at(name);
}

std::optional<torch::Tensor> Case::find(const std::string& name) const {
  const auto found = tensors.find(name);
  return found == tensors.end() ? std::nullopt : std::optional(found->second);
}

ff::Granularity Case::granularity() const {
  if (!json.contains("granularity")) {
    return ff::PerTensor();
  }
  const auto& g = json["granularity"];
  const std::string kind = g["kind"];
  if (kind == "per_tensor") {
    return ff::PerTensor();
  }
  if (kind == "per_channel") {
    return ff::PerChannel(integers(g["axes"]));
  }
  if (kind == "per_tile") {
    return ff::PerTile(integers(g["tile"]));
  }
  if (kind == "per_block") {
    return ff::PerBlock(integers(g["block_axes"]), integers(g["block_sizes"]),
                        integers(g["channel_axes"]), g.value("strict_blocks", true));
  }
  throw std::runtime_error("unknown granularity " + kind);
}

ff::RangeOptions Case::range_options() const {
  return {.symmetric = json["symmetric"], .allow_one_sided = json["allow_one_sided"]};
}

std::vector<Case> read_family(const fs::path& folder, const std::string& name) {
  const json family = json::parse(read_file(folder / (name + ".json")));
  const auto tensors = ff::storage::read_safetensors(folder / (name + ".safetensors"));
  std::vector<Case> cases;
  for (const json& entry : family["cases"]) {
    Case one{entry, {}};
    for (const std::string tensor : entry["tensors"]) {
      one.tensors[tensor] = tensors.at(entry["id"].get<std::string>() + "." + tensor);
    }
    cases.push_back(std::move(one));
  }
  return cases;
}

bool same_bits(const torch::Tensor& ours, const torch::Tensor& expected) {
  if (ours.sizes() != expected.sizes() || ours.dtype() != expected.dtype()) {
    return false;
  }
  // Adding 0 turns -0 into +0 and changes nothing else: integer codes keep no sign of zero,
  // FastForward's codes are floats and do.
  const torch::Tensor a = (ours.detach() + 0).contiguous(), b = (expected + 0).contiguous();
  return a.nbytes() == 0 || std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0;
}

bool same_codes(const torch::Tensor& ours, const torch::Tensor& expected) {
  return ours.sizes() == expected.sizes() &&
         ours.detach().to(torch::kLong).equal(expected.to(torch::kLong));
}

bool close(const torch::Tensor& ours, const torch::Tensor& expected, double relative,
           double of_largest) {
  if (ours.sizes() != expected.sizes()) {
    return false;
  }
  if (expected.numel() == 0) {
    return true;
  }
  const torch::Tensor a = ours.detach().to(torch::kDouble), b = expected.to(torch::kDouble);
  const torch::Tensor size = torch::maximum(b.abs(), of_largest * b.abs().max());
  return (a - b).abs().le(relative * size).all().item<bool>();
}

}  // namespace golden
