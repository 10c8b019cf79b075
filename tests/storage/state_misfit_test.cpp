// Files that do not fit the model, and damaged ones.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <sstream>
#include <string>

#include "fastforward/nn/quantizer_stub.h"
#include "fastforward/storage/safetensors.h"
#include "fastforward/storage/state.h"
#include "storage/networks.h"
#include "storage/state_file.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::load_quantization_state;
using ff::LoadReport;
using ff::save_quantization_state;
using ff::nn::LinearQuantizer;
using ff::nn::Quantizer;
using ff::storage::SafetensorsFile;
using ff::storage::write_safetensors;
using ff::test::expect_same_quantizer;
using ff::test::fill_places;
using ff::test::Net;
using ff::test::put;
using ff::test::same;
using ff::test::Tied;

using StateMisfit = ff::test::StateFile;

TEST_F(StateMisfit, AnotherModelIsAnErrorThatNamesTheFirstDifferences) {
  Net net, other(8);
  fill_places(net);
  save_quantization_state(net, path());
  EXPECT_ERROR(c10::ValueError,
               title() +
                   "it does not fit the model: 'fc1.weight' is F32 [8, 4], saved as F32 [6, 4]; "
                   "'fc1.bias' is F32 [8], saved as F32 [6]; 'fc2.weight' is F32 [3, 8], "
                   "saved as F32 [3, 6]. Load it onto the model that was saved",
               load_quantization_state(other, path()));
  EXPECT_NE(dynamic_cast<ff::nn::QuantizerStubImpl*>(other->fc1->weight_quantizer().get()),
            nullptr);

  Tied tied, untied(false);
  save_quantization_state(tied, path());
  EXPECT_ERROR(c10::ValueError,
               "'decoder' is F32 [100, 50], saved as F32 [100, 50], the same tensor as 'embedding'",
               load_quantization_state(untied, path()));
  EXPECT_ERROR(
      c10::ValueError,
      "the model has no tensor 'embedding', saved as F32 [100, 50]; the model has no tensor "
      "'decoder', saved as F32 [100, 50], the same tensor as 'embedding'; 'steps', I64 "
      "[1], was not saved; 'fc1.weight', F32 [6, 4], was not saved; 'fc1.bias', F32 [6], "
      "was not saved; and 10 more",
      load_quantization_state(net, path()));
}

TEST_F(StateMisfit, ALenientLoadTakesWhatFitsAndReportsTheRest) {
  struct HalfImpl : torch::nn::Module {
    HalfImpl() {
      fc1 = register_module("fc1", ff::nn::QuantizedLinear(4, 6));
      fc3 = register_module("fc3", ff::nn::QuantizedLinear(6, 3));
    }
    ff::nn::QuantizedLinear fc1 = nullptr, fc3 = nullptr;
  };
  Net net;
  fill_places(net);
  save_quantization_state(net, path());
  const auto half = std::make_shared<HalfImpl>();
  const LoadReport report = load_quantization_state(*half, path(), {.strict = false});
  EXPECT_FALSE(report.is_complete());
  EXPECT_EQ(report.loaded,
            (std::vector<std::string>{"fc1.input_quantizer", "fc1.weight_quantizer",
                                      "fc1.bias_quantizer", "fc1.output_quantizer"}));
  EXPECT_EQ(report.missing,
            (std::vector<std::string>{"fc3.input_quantizer", "fc3.weight_quantizer",
                                      "fc3.bias_quantizer", "fc3.output_quantizer"}));
  ASSERT_EQ(report.skipped.size(), 4U);
  EXPECT_EQ(report.skipped[0].name, "fc2.input_quantizer");
  EXPECT_EQ(report.skipped[0].reason, "the model has no quantizer or stub there");
  EXPECT_EQ(report.differences.size(), 5U);
  std::ostringstream text;
  text << report;
  EXPECT_PRED_FORMAT2(testing::IsSubstring,
                      "loaded 4, skipped 4, missing 4, 5 differences\n  skipped "
                      "'fc2.input_quantizer': the model has no quantizer or stub there\n",
                      text.str());
  expect_same_quantizer(half->fc1->weight_quantizer(), net->fc1->weight_quantizer());
}

// A module whose member holds its quantizer.
struct MemberImpl : torch::nn::Module {
  explicit MemberImpl(int64_t num_bits) : quantizer(num_bits) {
    layer = register_module("a_layer", ff::nn::QuantizedLinear(2, 2));
    register_module("quantizer", quantizer);
  }
  ff::nn::QuantizedLinear layer = nullptr;
  LinearQuantizer quantizer;
};

TEST_F(StateMisfit, AMembersQuantizerIsLoadedInPlaceOrNotAtAll) {
  const auto model = std::make_shared<MemberImpl>(8), alike = std::make_shared<MemberImpl>(8);
  model->quantizer->set_quantization_range(-1, 2);
  put(*model->layer, "weight_quantizer", Quantizer(LinearQuantizer(3).ptr()));
  save_quantization_state(*model, path());
  load_quantization_state(*alike, path());
  EXPECT_TRUE(same(alike->quantizer->scale, model->quantizer->scale));

  const auto other = std::make_shared<MemberImpl>(4);
  const auto before = other->layer->weight_quantizer();
  EXPECT_ERROR(c10::TypeError, "may have a member that still holds the quantizer 'quantizer'",
               load_quantization_state(*other, path()));
  EXPECT_EQ(other->layer->weight_quantizer().ptr(), before.ptr()) << "put back";
  const LoadReport report = load_quantization_state(*other, path(), {.strict = false});
  ASSERT_EQ(report.skipped.size(), 1U);
  EXPECT_EQ(report.skipped[0].name, "quantizer");
  EXPECT_FALSE(other->quantizer->is_initialized());
  EXPECT_EQ(other->layer->weight_quantizer()->as<LinearQuantizer>()->options.num_bits(), 3);
}

TEST_F(StateMisfit, ADamagedFileIsAnErrorAlsoWhenLenient) {
  Net net, other;
  fill_places(net);
  save_quantization_state(net, path());
  const std::string good = ff::test::bytes_of(path());
  const auto expect = [&](const std::string& from, const std::string& to, const std::string& part) {
    ff::test::write_bytes(path(), good);
    edit(from, to);
    EXPECT_ERROR(c10::ValueError, title() + part, load_quantization_state(other, path()));
    EXPECT_ERROR(c10::ValueError, title() + part,
                 load_quantization_state(other, path(), {.strict = false}));
  };
  expect("\"version\": 1", "\"version\": 2",
         "state: /version: version 2, which a newer library wrote");
  expect("\"fingerprint\": \"", "\"fingerprint\": \"0",
         "state: /fingerprint: it is not the hash of /tensors; the file is damaged");
  expect("\"shape\": [6, 4]}", "\"shape\": [7, 4]}", "state: /fingerprint: it is not the hash");
  expect("\"buffers\": [\"offset\"]", "\"buffers\": [\"offsets\"]",
         "the tensor 'fc1.weight_quantizer.offsets', which the state names, is missing");
  expect("\"buffers\": [\"offset\"]", "\"buffers\": []",
         "the tensor 'fc1.weight_quantizer.offset' belongs to no quantizer");

  ff::test::write_bytes(path(), good);
  auto tensors = SafetensorsFile(path()).tensors();
  tensors["fc1.weight_quantizer.scale"] = torch::ones({6}, torch::kInt);
  write_safetensors(path(), tensors, SafetensorsFile(path()).metadata());
  EXPECT_ERROR(c10::ValueError,
               title() +
                   "quantizer 'fc1.weight_quantizer': the tensor 'fc1.weight_quantizer.scale' is "
                   "Int, which cannot be the scale "
                   "of a LinearQuantizer, of type Float",
               load_quantization_state(other, path()));

  write_safetensors(path(), {});
  EXPECT_ERROR(c10::ValueError, title() + "its metadata have no \"fastforward.quantization_state\"",
               load_quantization_state(other, path()));
  for (size_t size = 0; size < good.size(); size += 97) {
    ff::test::write_bytes(path(), good.substr(0, size));
    EXPECT_THROW(load_quantization_state(other, path()), c10::ValueError) << size;
  }
  EXPECT_NE(dynamic_cast<ff::nn::QuantizerStubImpl*>(other->fc1->weight_quantizer().get()),
            nullptr);
}

TEST_F(StateMisfit, SettingsThatTheTypeRefusesAreNamed) {
  Net net, other;
  fill_places(net);
  save_quantization_state(net, path());
  edit("\"num_bits\": 4", "\"num_bits\": 99");
  EXPECT_ERROR(c10::ValueError, "'fc1.weight_quantizer': the settings are refused: LinearQuantizer",
               load_quantization_state(other, path()));
}

}  // namespace
