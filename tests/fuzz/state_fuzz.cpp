// libFuzzer target of the JSON of a quantization state and of a manifest. It needs no LibTorch.
// From the project's folder:
//
//   mkdir -p build/state_corpus
//   clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -Isrc -o build/state_fuzz \
//     tests/fuzz/state_fuzz.cpp src/storage/state_format.cpp src/storage/value_format.cpp \
//     src/storage/manifest.cpp src/core/json.cpp src/core/json_value.cpp
//   UBSAN_OPTIONS=halt_on_error=1 build/state_fuzz -max_len=4096 -max_total_time=300 \
//     build/state_corpus tests/fuzz/corpus/state
//
// New inputs go to the first folder of the last command, the second one is only read.

#include "storage/state_format.h"

#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <set>
#include <string>

#include "storage/manifest.h"
#include "storage/read_error.h"

namespace {

using namespace ff::storage;

void require(bool holds, const char* what) {
  if (!holds) {
    std::cerr << "property violated: " << what << '\n';
    std::abort();
  }
}

void check_error(const ReadError& error, const std::string& name) {
  const std::string text = error.what();
  require(text.starts_with(name + ": "), "an error begins with the name");
  require(text.size() < 2000 && text.find('\n') == std::string::npos, "an error is one short line");
}

void check_state(std::string_view text) {
  try {
    const StateRecord state = parse_state_json(text);
    std::set<std::string> places, names;
    for (const QuantizerRecord& quantizer : state.quantizers) {
      require(!quantizer.places.empty(), "a quantizer has a place");
      for (const std::string& place : quantizer.places)
        require(places.insert(place).second, "a place holds one quantizer");
    }
    for (const TensorRecord& tensor : state.tensors) {
      require(tensor.same_as.empty() || names.count(tensor.same_as) == 1, "same_as is known");
      require(names.insert(tensor.name).second, "a tensor is there once");
    }
    const std::string json = make_state_json(state);
    require(make_state_json(parse_state_json(json)) == json, "what is written reads the same");
  } catch (const ReadError& error) {
    check_error(error, "state");
  }
}

void check_manifest(std::string_view text) {
  try {
    const Manifest manifest = parse_manifest_json(text);
    for (const std::string& name : {manifest.weights.name, manifest.quantization_state.name}) {
      require(!name.empty() && name[0] != '.' && name.find('/') == std::string::npos &&
                  name.find('\0') == std::string::npos,
              "a name stays in its folder");
    }
    const std::string json = make_manifest_json(manifest);
    require(make_manifest_json(parse_manifest_json(json)) == json, "a manifest reads the same");
  } catch (const ReadError& error) {
    check_error(error, "manifest.json");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_state(text);
  check_manifest(text);
  return 0;
}
