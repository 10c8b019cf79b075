// libFuzzer target of the parser of mpath queries. From the project's folder, with TORCH the folder
// of LibTorch and the library built in build/release:
//
//   mkdir -p build/mpath_corpus
//   clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -Isrc \
//     -isystem $TORCH/include -isystem $TORCH/include/torch/csrc/api/include -o build/mpath_fuzz \
//     tests/fuzz/mpath_fuzz.cpp src/model/mpath_parser.cpp src/model/mpath.cpp \
//     -Lbuild/release/lib -lfastforward -L$TORCH/lib -ltorch_cpu -lc10 -lre2 \
//     -Wl,--allow-shlib-undefined,-rpath,$PWD/build/release/lib:$TORCH/lib
//   build/mpath_fuzz -max_len=256 -max_total_time=300 build/mpath_corpus tests/fuzz/corpus/mpath

#include "fastforward/model/mpath.h"

#include <c10/util/Exception.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>

namespace {

namespace mpath = ff::mpath;

void require(bool holds, const std::string& what) {
  if (!holds) {
    std::cerr << "property violated: " << what << '\n';
    std::abort();
  }
}

struct Tree final : mpath::Node {
  std::vector<std::pair<std::string, mpath::NodePtr>> below;

  std::vector<std::pair<std::string, mpath::NodePtr>> children() const override {
    return below;
  }
  std::string class_name() const override {
    return "Linear";
  }
  bool has_tag(const ff::nn::Tag& tag) const override {
    return tag.str() == "a";
  }
};

// Three levels of a, b and c.
mpath::NodePtr tree(int levels) {
  auto node = std::make_shared<Tree>();
  for (const char* name : {"a", "b", "c"}) {
    if (levels > 0)
      node->below.emplace_back(name, tree(levels - 1));
  }
  return node;
}

std::optional<mpath::Selector> parse(const std::string& text) {
  try {
    return mpath::query(text, {{"alias", mpath::Selector(mpath::any_name())}});
  } catch (const c10::ValueError& error) {
    require(std::string(error.what_without_backtrace()).find("mpath: character ") == 0,
            "an error says where");
    return std::nullopt;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const mpath::NodePtr root = tree(3);
  const auto selector = parse(std::string(reinterpret_cast<const char*>(data), size));
  if (!selector.has_value())
    return 0;
  const auto again = parse(selector->str());
  require(again.has_value(), "what is printed parses: " + selector->str());
  require(*again == *selector, "what is printed parses to the same: " + selector->str());
  try {
    require(mpath::search(*selector, root) == mpath::search(*again, root), "both find the same");
  } catch (const c10::ValueError&) {
    // A class that neither the tree nor the library has.
  }
  return 0;
}
