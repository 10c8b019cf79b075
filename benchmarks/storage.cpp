#include <fcntl.h>
#include <torch/types.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <stdexcept>

#include "bandwidth.h"
#include "compare.h"
#include "fastforward/storage/safetensors.h"
#include "questions.h"

namespace bench {
namespace {

namespace fs = std::filesystem;

constexpr size_t kWordsAtOnce = 64;
constexpr const char* kTensor = "encoder.layer.0.output.dense.weight";

fs::path minilm() {
  const char* cache = std::getenv("FF_CACHE");
  const char* home = std::getenv("HOME");
  const fs::path folder = cache != nullptr
                              ? fs::path(cache)
                              : fs::path(home == nullptr ? "" : home) / ".cache/fastforward";
  return folder / "models/all-MiniLM-L6-v2/model.safetensors";
}

// Reads a whole file into memory that is there already.
void read_plainly(const fs::path& path, const at::Tensor& buffer) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  auto* to = buffer.data_ptr<uint8_t>();
  int64_t left = buffer.numel();
  while (file >= 0 && left > 0) {
    const ssize_t count = ::read(file, to, static_cast<size_t>(left));
    if (count <= 0)
      break;
    to += count;
    left -= count;
  }
  ::close(file);
  if (left != 0)
    throw std::runtime_error("cannot read " + path.string());
}

// Uses all that can be read in whole steps of read_memory.
uint64_t touch(const at::Tensor& tensor) {
  const size_t words = tensor.nbytes() / sizeof(uint64_t) / kWordsAtOnce * kWordsAtOnce;
  return read_memory(static_cast<const uint64_t*>(tensor.const_data_ptr()), words);
}

Contestant plain_read(const fs::path& path) {
  const at::Tensor buffer =
      torch::full({static_cast<int64_t>(fs::file_size(path))}, 1, torch::kByte);
  return {"read(2)", [=, result = uint64_t{0}]() mutable {
            read_plainly(path, buffer);
            volatile uint64_t* keep = &result;
            *keep = touch(buffer);
          }};
}

// The file opened and one tensor of 2.4 MB used.
Contest open_file(const fs::path& path) {
  return {
      {"SafetensorsFile",
       [=, result = uint64_t{0}]() mutable {
         volatile uint64_t* keep = &result;
         *keep = touch(ff::storage::SafetensorsFile(path).tensor(kTensor));
       }},
      std::nullopt,
      plain_read(path),
      [=] {
        const ff::storage::SafetensorsFile file(path);
        const at::Tensor bytes =
            torch::empty({static_cast<int64_t>(fs::file_size(path))}, torch::kByte);
        read_plainly(path, bytes);
        const auto& entry = file.entry(kTensor);
        const at::Tensor expected =
            bytes.narrow(0, static_cast<int64_t>(entry.offset), static_cast<int64_t>(entry.bytes))
                .clone()
                .view(torch::kFloat)
                .view(entry.shape);
        expect_same(kTensor, file.tensor(kTensor), expected);
      }};
}

// The file opened and all tensors used.
Contest read_file(const fs::path& path) {
  Contest contest = open_file(path);
  contest.ours = {"read_safetensors", [=, result = uint64_t{0}]() mutable {
                    volatile uint64_t* keep = &result;
                    for (const auto& [name, tensor] : ff::storage::read_safetensors(path))
                      *keep = *keep ^ touch(tensor);
                  }};
  return contest;
}

}  // namespace

std::vector<Benchmark> storage() {
  const fs::path path = minilm();
  if (!fs::exists(path)) {
    std::cerr << "ff_bench: storage/* left out: " << path.string()
              << " is missing; `make models` gets it\n";
    return {};
  }
  return {{"storage/open_minilm", {{}, 0.8}, [=] { return open_file(path); }},
          {"storage/read_minilm", {{}, 0.8}, [=] { return read_file(path); }}};
}

}  // namespace bench
