#include "fastforward/storage/quantized_model.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <torch/torch.h>
#include <unistd.h>

#include <csignal>
#include <regex>
#include <string>

#include "fastforward/dispatch/strict.h"
#include "fastforward/storage/safetensors.h"
#include "storage/model_folder.h"
#include "storage/networks.h"
#include "support/expect_error.h"

namespace {

using QuantizedModel = ff::test::ModelFolder;
namespace fs = std::filesystem;
using ff::load_quantized_model;
using ff::LoadReport;
using ff::save_quantized_model;
using ff::test::bytes_of;
using ff::test::fill_places;
using ff::test::Net;
using ff::test::same;
using ff::test::Tied;
using ff::test::write_bytes;

void expect_same_tensors(torch::nn::Module& got, torch::nn::Module& expected) {
  for (const auto& parameter : expected.named_parameters())
    EXPECT_TRUE(same(got.named_parameters()[parameter.key()], parameter.value()))
        << parameter.key();
  for (const auto& buffer : expected.named_buffers())
    EXPECT_TRUE(same(got.named_buffers()[buffer.key()], buffer.value())) << buffer.key();
}

TEST_F(QuantizedModel, EverythingComesBack) {
  for (const auto type : {torch::kFloat, torch::kDouble, torch::kBFloat16}) {
    Net net, other;
    net->fc1->to(type);
    other->fc1->to(type);
    fill_places(net);
    net->steps.fill_(11);
    save_quantized_model(net, folder());
    const LoadReport report = load_quantized_model(other, folder());
    EXPECT_TRUE(report.is_complete());
    EXPECT_EQ(report.loaded.size(), 8U + 5U);
    expect_same_tensors(*other, *net);
    EXPECT_TRUE(other->fc1->weight.requires_grad());
  }
}

TEST_F(QuantizedModel, ALoadedModelGivesTheSameBits) {
  Net net, other;
  fill_places(net);
  dynamic_cast<ff::nn::LinearQuantizerImpl&>(*net->fc2->weight_quantizer())
      .set_quantization_range(-1, 1);
  save_quantized_model(net, folder());
  load_quantized_model(other, folder());
  const ff::StrictGuard relaxed(false);
  const torch::Tensor x = ff::test::random_data({9, 4}, 3);
  EXPECT_TRUE(same(other->forward(x).dequantize(), net->forward(x).dequantize()));
}

TEST_F(QuantizedModel, TheFolderHoldsAManifestAndTwoFiles) {
  Net net;
  save_quantized_model(net, folder());
  EXPECT_EQ(names().size(), 3U);
  EXPECT_TRUE(std::regex_match(
      bytes_of(folder() / "manifest.json"),
      std::regex("\\{\"version\": 1,\n \"library\": \"[0-9.]+\",\n"
                 " \"weights\": \\{\"name\": \"weights\\.[0-9a-f]{12}\\.safetensors\", \"bytes\": "
                 "[0-9]+, \"sha256\": \"[0-9a-f]{64}\"\\},\n"
                 " \"quantization_state\": \\{\"name\": \"quantization_state\\.[0-9a-f]{12}\\."
                 "safetensors\", \"bytes\": [0-9]+, \"sha256\": \"[0-9a-f]{64}\"\\}\\}\n")));
}

TEST_F(QuantizedModel, TiedWeightsAreStoredOnce) {
  Tied tied, other;
  save_quantized_model(tied, folder());
  const ff::storage::SafetensorsFile weights(file("weights"));
  EXPECT_EQ(weights.names(), (std::vector<std::string>{"embedding"}));
  load_quantized_model(other, folder());
  EXPECT_TRUE(same(other->decoder, tied->embedding));
  EXPECT_TRUE(other->decoder.is_same(other->embedding));

  Tied untied(false);
  EXPECT_ERROR(c10::ValueError,
               "'decoder' is F32 [100, 50], saved as F32 [100, 50], the same tensor",
               load_quantized_model(untied, folder()));
  load_quantized_model(untied, folder(), {.strict = false});
  EXPECT_TRUE(same(untied->decoder, tied->embedding));

  Tied separate(false), target;
  save_quantized_model(separate, folder());
  const LoadReport report = load_quantized_model(target, folder(), {.strict = false});
  ASSERT_EQ(report.skipped.size(), 1U);
  EXPECT_EQ(report.skipped[0].reason,
            "the model has it as the same tensor as 'embedding', the file does not");
  EXPECT_TRUE(same(target->embedding, separate->embedding));
}

TEST_F(QuantizedModel, SavingAgainReplacesTheFilesAndLeavesOthers) {
  Net net, other;
  save_quantized_model(net, folder());
  write_bytes(folder() / "tokenizer.json", "{}");
  const auto before = names();
  net->steps.fill_(3);
  save_quantized_model(net, folder());
  EXPECT_EQ(names().size(), 4U);
  EXPECT_EQ(names().count("tokenizer.json"), 1U);
  EXPECT_NE(names(), before);
  load_quantized_model(other, folder());
  EXPECT_EQ(other->steps.item<int64_t>(), 3);
}

TEST_F(QuantizedModel, AFolderThatCannotBeMadeIsNamed) {
  Net net;
  EXPECT_ERROR(c10::ValueError, "the folder cannot be made: No such file or directory",
               save_quantized_model(net, folder_ / "absent" / "model"));
  write_bytes(folder(), "a file");
  EXPECT_ERROR(c10::ValueError,
               "save_quantized_model: '" + folder().string() + "': the folder cannot be made: ",
               save_quantized_model(net, folder()));
}

TEST_F(QuantizedModel, AFullDiskLeavesTheEarlierModel) {
  Net net, other;
  save_quantized_model(net, folder());
  const auto before = names();
  rlimit old_limit = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  const std::uintmax_t whole = fs::file_size(file("weights"));
  const std::uintmax_t state = fs::file_size(file("quantization_state"));
  ASSERT_GT(state, whole);
  for (const rlim_t limit : {rlim_t{100}, static_cast<rlim_t>(whole + 10)}) {
    const rlimit small = {limit, old_limit.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    std::string text;
    try {
      save_quantized_model(net, folder());
    } catch (const c10::Error& error) {
      text = error.what_without_backtrace();
    }
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old_limit), 0);
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "writing failed: File too large", text);
    EXPECT_EQ(names(), before);
  }
  ::signal(SIGXFSZ, old_handler);
  load_quantized_model(other, folder());
  expect_same_tensors(*other, *net);
}

TEST_F(QuantizedModel, AFolderWithoutPermissionKeepsTheEarlierModel) {
  Net net, other;
  save_quantized_model(net, folder());
  ASSERT_EQ(::chmod(folder().c_str(), 0555), 0);
  const bool is_root = ::geteuid() == 0;
  ASSERT_TRUE(!is_root || ::seteuid(65534) == 0);  // root may write everywhere
  std::string text;
  try {
    save_quantized_model(net, folder());
  } catch (const c10::Error& error) {
    text = error.what_without_backtrace();
  }
  ASSERT_TRUE(!is_root || ::seteuid(0) == 0);
  ASSERT_EQ(::chmod(folder().c_str(), 0755), 0);
  EXPECT_PRED_FORMAT2(testing::IsSubstring,
                      "no temporary file could be made in its folder: Permission denied", text);
  load_quantized_model(other, folder());
}

}  // namespace
