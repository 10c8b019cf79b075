// libFuzzer target of rules in JSON. From the project's folder, with TORCH the folder of LibTorch
// and the library built in build/release:
//
//   mkdir -p build/rules_corpus
//   clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -Isrc \
//     -isystem $TORCH/include -isystem $TORCH/include/torch/csrc/api/include -o build/rules_fuzz \
//     tests/fuzz/rules_fuzz.cpp src/storage/quantization_config.cpp \
//     src/storage/estimator_format.cpp src/storage/value_format.cpp src/storage/state_value.cpp \
//     src/storage/memory_map.cpp src/core/error.cpp src/core/json.cpp src/core/json_value.cpp \
//     -Lbuild/release/lib -lfastforward -L$TORCH/lib -ltorch_cpu -lc10 \
//     -Wl,--allow-shlib-undefined,-rpath,$PWD/build/release/lib:$TORCH/lib
//   build/rules_fuzz -max_len=1024 -max_total_time=300 build/rules_corpus tests/fuzz/corpus/rules

#include <c10/util/Exception.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/storage/quantization_config.h"

namespace {

void require(bool holds, const std::string& what) {
  if (!holds) {
    std::cerr << "property violated: " << what << '\n';
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const ff::QuantizationConfig config = ff::parse_quantization_config(text, "fuzzed");
    // What was read can be used: a model that is one quantizer has one place, "".
    const ff::nn::LinearQuantizer model(8);
    config.initialize(model, ff::OverwritePolicy::kSkip);
  } catch (const c10::ValueError& error) {
    const std::string what = error.what_without_backtrace();
    require(what.starts_with("fuzzed: ") || what.starts_with("mpath: "),
            "an error says where: " + what);
  }
  return 0;
}
