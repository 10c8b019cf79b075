#include "fastforward/storage/state.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <sstream>
#include <string>

#include "fastforward/dispatch/strict.h"
#include "fastforward/nn/quantizer_stub.h"
#include "fastforward/nn/quantizer_type.h"
#include "fastforward/storage/safetensors.h"
#include "storage/networks.h"
#include "storage/state_file.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::load_quantization_state;
using ff::LoadReport;
using ff::save_quantization_state;
using ff::nn::LinearQuantizer;
using ff::nn::LinearQuantizerImpl;
using ff::nn::LinearQuantizerOptions;
using ff::nn::Quantizer;
using ff::storage::SafetensorsFile;
using ff::test::expect_same_quantizer;
using ff::test::fill_places;
using ff::test::Net;
using ff::test::put;
using ff::test::same;

using State = ff::test::StateFile;

void expect_same_net(const Net& got, const Net& expected) {
  for (const char* name :
       {"input_quantizer", "weight_quantizer", "bias_quantizer", "output_quantizer"}) {
    SCOPED_TRACE(name);
    expect_same_quantizer(got->fc1->quantizer(name), expected->fc1->quantizer(name));
    expect_same_quantizer(got->fc2->quantizer(name), expected->fc2->quantizer(name));
  }
}

TEST_F(State, StubsBecomeTheSavedQuantizers) {
  Net net, other;
  fill_places(net);
  save_quantization_state(net, path());
  const LoadReport report = load_quantization_state(other, path());
  EXPECT_TRUE(report.is_complete());
  EXPECT_EQ(report.loaded.size(), 8U);
  expect_same_net(other, net);
  EXPECT_EQ(other->fc1->input_quantizer().ptr(), other->fc2->input_quantizer().ptr());
  EXPECT_EQ(other->fc1->input_quantizer()->path(), "fc1.input_quantizer");
  const auto& options = other->fc1->weight_quantizer()->as<LinearQuantizer>()->options;
  EXPECT_EQ(options.num_bits(), 4);
  EXPECT_EQ(options.granularity(), ff::Granularity(ff::PerChannel(0)));
}

TEST_F(State, ALoadedModelGivesTheSameBits) {
  Net net, other;
  fill_places(net);
  dynamic_cast<LinearQuantizerImpl&>(*net->fc2->weight_quantizer()).set_quantization_range(-1, 1);
  save_quantization_state(net, path());
  load_quantization_state(other, path());
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < net->parameters().size(); ++i) {
    for (const char* name : {"fc1", "fc2"})
      for (const char* tensor : {".weight", ".bias"})
        other->named_parameters()[std::string(name) + tensor].copy_(
            net->named_parameters()[std::string(name) + tensor]);
  }
  const ff::StrictGuard relaxed(false);
  const torch::Tensor x = ff::test::random_data({9, 4}, 3);
  EXPECT_TRUE(same(other->forward(x).dequantize(), net->forward(x).dequantize()));
}

TEST_F(State, SavedSharedQuantizersAreStoredOnce) {
  Net net;
  fill_places(net);
  save_quantization_state(net, path());
  const SafetensorsFile file(path());
  EXPECT_TRUE(file.has("fc1.input_quantizer.scale"));
  EXPECT_TRUE(file.has("fc1.input_quantizer.offset"));
  EXPECT_FALSE(file.has("fc2.input_quantizer.scale"));
}

TEST_F(State, AQuantizerWithoutARangeStaysWithoutOne) {
  Net net, other;
  fill_places(net);
  save_quantization_state(net, path());
  load_quantization_state(other, path());
  EXPECT_FALSE(other->fc2->weight_quantizer()->as<LinearQuantizer>()->is_initialized());
}

TEST_F(State, QuantizersThatFitAreLoadedInPlace) {
  Net net, other;
  fill_places(net);
  fill_places(other);
  auto& quantizer = dynamic_cast<LinearQuantizerImpl&>(*other->fc1->weight_quantizer());
  const torch::Tensor scale = quantizer.scale;
  quantizer.set_quantization_range(torch::full({6}, -9.0), torch::full({6}, 9.0));
  save_quantization_state(net, path());
  load_quantization_state(other, path());
  EXPECT_EQ(other->fc1->weight_quantizer().get(), &quantizer);
  EXPECT_TRUE(quantizer.scale.is_same(scale)) << "an optimizer knows it";
  expect_same_net(other, net);
}

TEST_F(State, OtherQuantizersAndOtherSharingAreReplaced) {
  Net net, other;
  fill_places(net);
  fill_places(other);
  put(*other->fc1, "bias_quantizer", Quantizer(LinearQuantizer(8).ptr()));  // a stub was saved
  put(*other->fc1, "weight_quantizer", Quantizer(LinearQuantizer(5).ptr()));
  put(*other->fc2, "input_quantizer",
      Quantizer(LinearQuantizer(LinearQuantizerOptions(8).symmetric(false)).ptr()));
  put(*other->fc2, "weight_quantizer", other->fc2->output_quantizer());
  save_quantization_state(net, path());
  load_quantization_state(other, path());
  expect_same_net(other, net);
  EXPECT_EQ(other->fc1->input_quantizer().ptr(), other->fc2->input_quantizer().ptr());
  EXPECT_NE(other->fc2->weight_quantizer().ptr(), other->fc2->output_quantizer().ptr());
}

TEST_F(State, EveryParameterTypeKeepsItsBits) {
  for (const auto type : {torch::kBFloat16, torch::kHalf, torch::kFloat, torch::kDouble}) {
    LinearQuantizer quantizer(LinearQuantizerOptions(8).symmetric(false).param_dtype(type));
    quantizer->set_quantization_range(-0.3, 1.1);
    save_quantization_state(quantizer, path());
    LinearQuantizer other(LinearQuantizerOptions(8).symmetric(false).param_dtype(type));
    load_quantization_state(other, path());
    EXPECT_TRUE(same(other->scale, quantizer->scale)) << type;
    EXPECT_TRUE(same(other->offset, quantizer->offset)) << type;
  }
  // A model that was moved to another type after it was made.
  LinearQuantizer quantizer(8), other(8);
  quantizer->set_quantization_range(-0.3, 1.1);
  quantizer->to(torch::kBFloat16);
  save_quantization_state(quantizer, path());
  load_quantization_state(other, path());
  EXPECT_TRUE(same(other->scale, quantizer->scale));
  EXPECT_EQ(other->scale.scalar_type(), torch::kBFloat16);
}

TEST_F(State, LoadedParametersCanBeTrained) {
  Net net, other;
  fill_places(net);
  save_quantization_state(net, path());
  {
    const c10::InferenceMode inference;
    load_quantization_state(other, path());
  }
  auto& quantizer = dynamic_cast<LinearQuantizerImpl&>(*other->fc1->weight_quantizer());
  quantizer.forward(other->fc1->weight).dequantize().sum().backward();
  EXPECT_TRUE(quantizer.scale.grad().defined());
  std::filesystem::remove(path());
  const torch::NoGradGuard no_grad;
  quantizer.scale.mul_(2);
}

TEST_F(State, MetadataComeBackWithTheirTypes) {
  const std::map<std::string, c10::IValue> attributes = {
      {"none", c10::IValue()},
      {"bool", true},
      {"int", int64_t{3}},
      {"float", 3.0},
      {"str", std::string("a\"\n\xC3\xA9")},
      {"bools", c10::List<bool>({true, false})},
      {"ints", std::vector<int64_t>{1, 2}},
      {"no ints", std::vector<int64_t>()},
      {"floats", std::vector<double>{1.0, 0.1}},
      {"strs", std::vector<std::string>{"a", ""}},
      {"no strs", std::vector<std::string>()},
  };
  LinearQuantizer quantizer(8), other(8);
  quantizer->metadata().add_tag("my/own/tag").set_shape({2, 0, 3}).attributes() = attributes;
  other->metadata().add_tag("gone");
  save_quantization_state(quantizer, path());
  load_quantization_state(other, path());
  EXPECT_EQ(other->metadata().tags(), quantizer->metadata().tags());
  EXPECT_EQ(other->metadata().shape(), quantizer->metadata().shape());
  for (const auto& [name, value] : attributes) {
    ASSERT_EQ(other->metadata().attributes().count(name), 1U) << name;
    const c10::IValue& got = other->metadata().attributes().at(name);
    EXPECT_EQ(got.tagKind(), value.tagKind()) << name;
    EXPECT_EQ(got, value) << name;
  }
}

TEST_F(State, AnAttributeThatNoFileHoldsIsNamed) {
  Net net;
  fill_places(net);
  net->fc1->weight_quantizer()->metadata().attributes()["t"] = torch::ones({1});
  EXPECT_ERROR(c10::ValueError,
               "save_quantization_state: '" + path().string() +
                   "': quantizer 'fc1.weight_quantizer': 't' is a Tensor; a file holds None, bool",
               save_quantization_state(net, path()));
  EXPECT_FALSE(std::filesystem::exists(path()));
}

// A quantizer of the user's own.
struct RoundingImpl : ff::nn::CloneableQuantizer<RoundingImpl> {
  explicit RoundingImpl(int64_t levels_) : levels(levels_) {
    reset();
  }
  void reset() override {
    step = register_parameter("step", torch::ones({1}));
    seen = register_buffer("seen", torch::zeros({1}, torch::kLong));
  }
  torch::Tensor quantize(const torch::Tensor& data) override {
    return (data / step).round() * step;
  }
  int64_t levels;
  torch::Tensor step, seen;
};
struct UnknownImpl : RoundingImpl {
  using RoundingImpl::RoundingImpl;
};

void know_rounding() {
  if (ff::nn::find_quantizer_type("Rounding").has_value())
    return;
  ff::nn::register_quantizer_type<RoundingImpl>(
      "Rounding",
      [](const RoundingImpl& quantizer) {
        return ff::nn::QuantizerSettings{{"levels", quantizer.levels}};
      },
      [](const ff::nn::QuantizerSettings& settings) {
        return std::make_shared<RoundingImpl>(settings.at("levels").toInt());
      });
}

TEST_F(State, AUsersOwnTypeComesBack) {
  know_rounding();
  Net net, other;
  const auto rounding = std::make_shared<RoundingImpl>(5);
  {
    const torch::NoGradGuard no_grad;
    rounding->step.fill_(0.25);
    rounding->seen.fill_(int64_t{1} << 60);
  }
  put(*net->fc1, "output_quantizer", Quantizer(rounding));
  save_quantization_state(net, path());
  load_quantization_state(other, path());
  const auto* got = dynamic_cast<const RoundingImpl*>(other->fc1->output_quantizer().get());
  ASSERT_NE(got, nullptr);
  EXPECT_EQ(got->levels, 5);
  EXPECT_TRUE(same(got->step, rounding->step));
  EXPECT_TRUE(same(got->seen, rounding->seen));
}

TEST_F(State, ATypeThatNobodyRegisteredIsNamed) {
  know_rounding();
  Net net, other;
  put(*net->fc1, "output_quantizer", Quantizer(std::make_shared<UnknownImpl>(5)));
  EXPECT_ERROR(c10::ValueError, "UnknownImpl, which no file can name; call",
               save_quantization_state(net, path()));

  put(*net->fc1, "output_quantizer", Quantizer(std::make_shared<RoundingImpl>(5)));
  save_quantization_state(net, path());
  edit("\"Rounding\"", "\"Foreign\"");
  EXPECT_ERROR(c10::ValueError,
               title() +
                   "it does not fit the model: 'fc1.output_quantizer': no quantizer type is "
                   "registered as 'Foreign' (known are DynamicLinearQuantizer, "
                   "LinearQuantizer, QuantizerStub, Rounding); call",
               load_quantization_state(other, path()));
  const LoadReport report = load_quantization_state(other, path(), {.strict = false});
  ASSERT_EQ(report.skipped.size(), 1U);
  EXPECT_EQ(report.skipped[0].name, "fc1.output_quantizer");
  EXPECT_EQ(report.loaded.size(), 7U);
}

// Written by Python's safetensors 0.8.0, see data/make_state_v1.py: version 1 stays readable.
TEST_F(State, VersionOneIsRead) {
  struct ModelImpl : torch::nn::Module {
    ModelImpl() {
      layer = register_module("layer", ff::nn::QuantizedLinear(2, 3));
    }
    ff::nn::QuantizedLinear layer = nullptr;
  };
  const auto model = std::make_shared<ModelImpl>();
  const LoadReport report =
      load_quantization_state(*model, std::string(FF_STORAGE_DATA) + "/state_v1.safetensors");
  EXPECT_EQ(report.loaded.size(), 4U);
  const auto* weight = model->layer->weight_quantizer()->as<LinearQuantizer>();
  EXPECT_EQ(weight->options.num_bits(), 4);
  EXPECT_EQ(weight->options.granularity(), ff::Granularity(ff::PerChannel(0)));
  EXPECT_TRUE(same(weight->scale, torch::tensor({0.5F, 0.25F, 2.0F})));
  EXPECT_TRUE(weight->scale.requires_grad());
  EXPECT_TRUE(same(weight->offset, torch::tensor({0.0F, -8.0F, 0.0F})));
  EXPECT_TRUE(weight->metadata().has_tag("parameter/weight"));
  EXPECT_EQ(weight->metadata().attributes().at("origin").toStringRef(), "version 1");
  EXPECT_EQ(model->layer->input_quantizer().ptr(), model->layer->output_quantizer().ptr());
}

}  // namespace
