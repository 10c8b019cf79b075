// Folders that are damaged, and models that cannot take what is in one.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <regex>
#include <string>
#include <utility>

#include "fastforward/storage/quantized_model.h"
#include "storage/model_folder.h"
#include "storage/networks.h"
#include "support/expect_error.h"

namespace {

namespace fs = std::filesystem;
using ff::load_quantized_model;
using ff::save_quantized_model;
using ff::test::bytes_of;
using ff::test::Net;
using ff::test::same;
using ff::test::write_bytes;

using QuantizedModelDamage = ff::test::ModelFolder;

TEST_F(QuantizedModelDamage, ADamagedFileIsNamedWithWhatWasExpected) {
  Net net, other;
  save_quantized_model(net, folder());
  const fs::path weights = file("weights");
  const std::string good = bytes_of(weights);
  std::string bad = good;
  bad.back() = static_cast<char>(bad.back() ^ 1);
  const torch::Tensor before = other->fc1->weight.detach().clone();
  EXPECT_ERROR(c10::ValueError, "the manifest says", [&] {
    write_bytes(weights, bad);
    load_quantized_model(other, folder());
  }());
  try {
    load_quantized_model(other, folder());
    FAIL() << "no error";
  } catch (const c10::ValueError& error) {
    EXPECT_TRUE(std::regex_search(
        std::string(error.what_without_backtrace()),
        std::regex("': 'weights\\.[0-9a-f]{12}\\.safetensors' has the SHA-256 [0-9a-f]{64}, the "
                   "manifest says [0-9a-f]{64}; the file is damaged or of another model$")))
        << error.what_without_backtrace();
  }
  write_bytes(weights, good + "x");
  EXPECT_ERROR(c10::ValueError,
               title() + "'" + weights.filename().string() + "' has " +
                   std::to_string(good.size() + 1) + " bytes, the manifest says " +
                   std::to_string(good.size()),
               load_quantized_model(other, folder()));
  fs::remove(weights);
  EXPECT_ERROR(c10::ValueError, "cannot be opened: No such file or directory",
               load_quantized_model(other, folder()));
  EXPECT_TRUE(same(other->fc1->weight, before));
}

TEST_F(QuantizedModelDamage, AManifestThatIsWrongIsNamed) {
  Net net;
  save_quantized_model(net, folder());
  const fs::path manifest = folder() / "manifest.json";
  const std::string good = bytes_of(manifest);
  const auto expect = [&](const std::string& from, const std::string& to, const std::string& part) {
    std::string text = good;
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos);
    write_bytes(manifest, text.replace(at, from.size(), to));
    EXPECT_ERROR(c10::ValueError, part, load_quantized_model(net, folder()));
  };
  expect("\"weights.", "\"../weights.",
         "manifest.json: /weights/name: expected the name of a file in");
  expect("\"weights.", "\"/weights.",
         "manifest.json: /weights/name: expected the name of a file in");
  expect("\"version\": 1", "\"version\": 2", "manifest.json: /version: version 2, which a newer");
  expect("\"bytes\": ", "\"bytes\": -",
         "manifest.json: /weights/bytes: expected an integer from 0 to");
  expect("\"sha256\": \"", "\"sha256\": \"z",
         "/weights/sha256: expected 64 lower-case hexadecimal");
  expect("\"weights\"", "\"weight\"", "manifest.json: unknown key \"weight\"");
  expect("{", "", title() + "manifest.json: byte 9 (line 1, column 10): ");
}

TEST_F(QuantizedModelDamage, FilesOfTwoModelsDoNotMix) {
  Net net, large(8);
  save_quantized_model(net, folder());
  const fs::path other = folder_ / "other";
  save_quantized_model(large, other);
  // The weights of one with the state of the other; sizes and hashes fit.
  std::string ours = bytes_of(folder() / "manifest.json"),
              theirs = bytes_of(other / "manifest.json");
  const auto line = [](const std::string& text, const std::string& key) {
    const size_t at = text.find(" \"" + key);
    return text.substr(at, text.find('}', at) - at);
  };
  std::string mixed = ours;
  mixed.replace(mixed.find(line(ours, "weights")), line(ours, "weights").size(),
                line(theirs, "weights"));
  write_bytes(folder() / "manifest.json", mixed);
  for (const auto& entry : fs::directory_iterator(other)) {
    if (entry.path().filename().string().starts_with("weights"))
      fs::copy(entry.path(), folder());
  }
  EXPECT_ERROR(c10::ValueError,
               title() +
                   "the weights have no tensor 'fc1.weight' of F32 [6, 4], as the quantization "
                   "state says; the files are not of one model",
               load_quantized_model(net, folder()));
}

TEST_F(QuantizedModelDamage, AModelMadeInInferenceModeIsLoadedThere) {
  Net net, other = [] {
    const c10::InferenceMode inference;
    return Net();
  }();
  save_quantized_model(net, folder());
  EXPECT_ERROR(c10::ValueError,
               title() + "the model's tensor 'steps' was made in inference mode and can only be",
               load_quantized_model(other, folder()));
  const c10::InferenceMode inference;
  load_quantized_model(other, folder());
  EXPECT_TRUE(same(other->fc1->weight, net->fc1->weight));
}

// A model with one parameter, made of another one.
struct OneImpl : torch::nn::Module {
  explicit OneImpl(const torch::Tensor& weight) {
    fc = register_module("fc", ff::nn::QuantizedLinear(2, 2));
    register_parameter("weight", weight);
  }
  ff::nn::QuantizedLinear fc = nullptr;
};

TEST_F(QuantizedModelDamage, ATensorThatCannotBeWrittenToIsNamedBeforeAnythingChanges) {
  const auto saved = std::make_shared<OneImpl>(torch::ones({2, 3}));
  ff::test::put(*saved->fc, "weight_quantizer",
                ff::nn::Quantizer(ff::nn::LinearQuantizer(8).ptr()));
  save_quantized_model(*saved, folder());
  const std::string weight = title() + "the model's tensor 'weight' ";
  for (const auto& [tensor, text] :
       {std::pair(torch::zeros({2, 1}).expand({2, 3}), "has elements that share memory; load"),
        {torch::zeros({2, 3}).to_sparse(), "is sparse and cannot take dense values; load"},
        {torch::zeros({2, 3}, torch::kMeta), "is on the meta device and has no memory; load"}}) {
    const auto other = std::make_shared<OneImpl>(tensor);
    const auto before = other->fc->weight_quantizer().ptr();
    const torch::Tensor values = other->fc->weight.detach().clone();
    EXPECT_ERROR(c10::ValueError, weight + text, load_quantized_model(*other, folder()));
    EXPECT_EQ(other->fc->weight_quantizer().ptr(), before);
    EXPECT_TRUE(same(other->fc->weight, values));
  }
}

}  // namespace
