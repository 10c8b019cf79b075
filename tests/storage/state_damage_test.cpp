// Files whose format is right and whose content no quantizer can have.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "fastforward/nn/quantizer_type.h"
#include "fastforward/storage/safetensors.h"
#include "fastforward/storage/state.h"
#include "storage/networks.h"
#include "storage/state_file.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::load_quantization_state;
using ff::save_quantization_state;
using ff::nn::LinearQuantizer;
using ff::nn::LinearQuantizerOptions;
using ff::nn::Quantizer;
using ff::storage::SafetensorsFile;
using ff::storage::write_safetensors;
using ff::test::expect_same_quantizer;
using ff::test::fill_places;
using ff::test::Net;
using ff::test::put;

class StateDamage : public ff::test::StateFile {
 protected:
  // Saves a model and puts another tensor into the file.
  void save_with(const std::string& name, const torch::Tensor& values) {
    Net net;
    fill_places(net);
    save_quantization_state(net, path());
    auto tensors = SafetensorsFile(path()).tensors();
    ASSERT_EQ(tensors.count(name), 1U) << name;
    tensors[name] = values;
    write_safetensors(path(), tensors, SafetensorsFile(path()).metadata());
  }
  // Expects an error, strict and lenient, after which the model is as before.
  void expect_refused(const std::string& part) {
    Net filled, expected;
    fill_places(filled);
    fill_places(expected);
    for (const bool strict : {true, false}) {
      EXPECT_ERROR(c10::ValueError, title() + part,
                   load_quantization_state(filled, path(), {.strict = strict}));
    }
    for (const char* name : {"input_quantizer", "weight_quantizer", "output_quantizer"}) {
      expect_same_quantizer(filled->fc1->quantizer(name), expected->fc1->quantizer(name));
      expect_same_quantizer(filled->fc2->quantizer(name), expected->fc2->quantizer(name));
    }
  }
};

torch::Tensor ones_and(float value) {
  torch::Tensor values = torch::ones({6});
  values[2] = value;
  return values;
}

TEST_F(StateDamage, AScaleOfAnotherShapeIsRefused) {
  const std::string weight = "quantizer 'fc1.weight_quantizer': the saved scale has shape ";
  save_with("fc1.weight_quantizer.scale", torch::ones({3}));
  expect_refused(weight + "[3], but PerChannel(0) on data [6, 4] needs [6]");
  save_with("fc1.weight_quantizer.scale", torch::ones({1}));
  expect_refused(weight + "[1], but PerChannel(0) on data [6, 4] needs [6]");
  save_with("fc1.weight_quantizer.scale", torch::ones({6, 1}));
  expect_refused(weight + "[6, 1], but PerChannel(0) needs one axis");
  save_with("fc1.input_quantizer.scale", torch::ones({2}));
  expect_refused(
      "quantizer 'fc1.input_quantizer': the saved scale has shape [2], but PerTensor() needs [1]");
}

TEST_F(StateDamage, AScaleThatNoRangeGivesIsRefused) {
  const std::string weight = "quantizer 'fc1.weight_quantizer': the saved state: scale[2] is ";
  for (const auto& [value, text] : {std::pair(0.0F, "0"),
                                    {-1.0F, "-1"},
                                    {std::numeric_limits<float>::infinity(), "inf"},
                                    {std::numeric_limits<float>::quiet_NaN(), "nan"}}) {
    save_with("fc1.weight_quantizer.scale", ones_and(value));
    expect_refused(weight + text + "; every scale must be finite and greater than 0");
  }
  save_with("fc1.weight_quantizer.scale", torch::ones({6}).to(torch::kFloat8_e4m3fn));
  expect_refused("quantizer 'fc1.weight_quantizer': the saved scale is Float8_e4m3fn; expected ");
}

TEST_F(StateDamage, AnOffsetThatDoesNotFitTheScaleIsRefused) {
  const std::string weight = "quantizer 'fc1.weight_quantizer': the saved ";
  save_with("fc1.weight_quantizer.offset", torch::zeros({1}));
  expect_refused(weight + "offset has shape [1], but the saved scale has [6]; expected the same");
  save_with("fc1.weight_quantizer.offset", torch::zeros({0}));
  expect_refused(weight + "offset has shape [0], but the saved scale has [6]; expected the same");
  save_with("fc1.weight_quantizer.scale", torch::zeros({0}));
  expect_refused(weight + "offset has shape [6], but the saved scale has [0]; expected the same");
  save_with("fc1.weight_quantizer.offset", ones_and(std::numeric_limits<float>::quiet_NaN()));
  expect_refused(weight + "state: offset[2] is nan; expected finite values");
}

// What cannot be loaded is not saved.
TEST_F(StateDamage, AQuantizerWhoseScaleBrokeIsNotSaved) {
  Net net;
  fill_places(net);
  auto& quantizer = dynamic_cast<ff::nn::LinearQuantizerImpl&>(*net->fc1->weight_quantizer());
  {
    const torch::NoGradGuard no_grad;
    quantizer.scale[3] = -1;
  }
  EXPECT_ERROR(c10::ValueError,
               "save_quantization_state: '" + path().string() +
                   "': quantizer 'fc1.weight_quantizer': the saved state: scale[3] is -1; every "
                   "scale must be",
               save_quantization_state(net, path()));
  EXPECT_FALSE(std::filesystem::exists(path()));
}

// A quantizer of the user's own, whose functions throw errors of the standard library.
struct StepsImpl : ff::nn::CloneableQuantizer<StepsImpl> {
  explicit StepsImpl(int64_t count_, bool is_sparse_ = false)
      : count(count_), is_sparse(is_sparse_) {
    reset();
  }
  void reset() override {
    const torch::Tensor ones = torch::ones({count});
    steps = register_parameter("steps", is_sparse ? ones.to_sparse() : ones);
  }
  torch::Tensor quantize(const torch::Tensor& data) override {
    return data;
  }
  int64_t count;
  bool is_sparse;
  torch::Tensor steps;
};

void know_steps() {
  if (ff::nn::find_quantizer_type("Steps").has_value())
    return;
  ff::nn::register_quantizer_type<StepsImpl>(
      "Steps",
      [](const StepsImpl& quantizer) {
        return ff::nn::QuantizerSettings{{"count", quantizer.count}};
      },
      [](const ff::nn::QuantizerSettings& settings) {
        return std::make_shared<StepsImpl>(settings.at("count").toInt());
      },
      [](const StepsImpl& quantizer, const ff::nn::QuantizerTensors& tensors,
         const ff::nn::QuantizerMetadata&) {
        if (tensors.at("steps").numel() != quantizer.count)
          throw std::length_error("expected " + std::to_string(quantizer.count) + " steps");
      });
}

TEST_F(StateDamage, ErrorsOfAUsersTypeGetTheFileAndThePlace) {
  know_steps();
  Net net, other;
  put(*net->fc1, "output_quantizer", Quantizer(std::make_shared<StepsImpl>(5)));
  save_quantization_state(net, path());
  auto tensors = SafetensorsFile(path()).tensors();
  tensors["fc1.output_quantizer.steps"] = torch::ones({4});
  write_safetensors(path(), tensors, SafetensorsFile(path()).metadata());
  EXPECT_ERROR(c10::ValueError, title() + "quantizer 'fc1.output_quantizer': expected 5 steps",
               load_quantization_state(other, path()));

  save_quantization_state(net, path());
  edit("\"count\"", "\"counts\"");
  EXPECT_ERROR(c10::ValueError,
               title() +
                   "it does not fit the model: 'fc1.output_quantizer': the settings are "
                   "refused: map::at",
               load_quantization_state(other, path()));
  EXPECT_EQ(load_quantization_state(other, path(), {.strict = false}).skipped.size(), 1U);
}

TEST_F(StateDamage, ATagOfTooManyLevelsIsRefused) {
  Net net, other;
  fill_places(net);
  save_quantization_state(net, path());
  std::string tag = "a";
  for (int i = 0; i < 32; ++i)
    tag += "/a";
  edit("\"parameter/weight\"", "\"" + tag + "\"");
  EXPECT_ERROR(c10::ValueError,
               title() + "state: /quantizers/1/tags/1: a tag of 33 levels; expected at most 32",
               load_quantization_state(other, path()));
  LinearQuantizer quantizer(8);
  quantizer->metadata().add_tag(tag);
  EXPECT_ERROR(c10::ValueError, "a tag of 33 levels; a file holds at most 32",
               save_quantization_state(quantizer, path()));
}

TEST_F(StateDamage, ADeviceThatIsNotThereIsNamedWithTheFile) {
  Net net, other;
  fill_places(net);
  save_quantization_state(net, path());
  EXPECT_ERROR(c10::Error, title().substr(0, title().size() - 1),
               load_quantization_state(other, path(), {.device = torch::Device("xla:0")}));
}

// The first quantizer could be written; the parameter of the second is sparse, and LibTorch does
// not let it become dense.
TEST_F(StateDamage, AnErrorWhileWritingLeavesTheModelAsItWas) {
  know_steps();
  const auto make = [](bool is_sparse) {
    Net net;
    LinearQuantizer first(8);
    const auto second = std::make_shared<StepsImpl>(1, is_sparse);
    first->set_quantization_range(-1, 2);
    put(*net->fc1, "weight_quantizer", Quantizer(first.ptr()));
    put(*net->fc2, "weight_quantizer", Quantizer(second));
    return net;
  };
  Net saved = make(false), net = make(true);
  dynamic_cast<ff::nn::LinearQuantizerImpl&>(*saved->fc1->weight_quantizer())
      .set_quantization_range(-7, 7);
  saved->fc1->weight_quantizer()->metadata().add_tag("new");
  put(*saved->fc1, "output_quantizer", Quantizer(LinearQuantizer(3).ptr()));
  save_quantization_state(saved, path());
  Net expected = make(true);
  const Quantizer output = net->fc1->output_quantizer();
  for (const bool strict : {true, false}) {
    EXPECT_ERROR(c10::Error, title() + "'fc2.weight_quantizer': ",
                 load_quantization_state(net, path(), {.strict = strict}));
    expect_same_quantizer(net->fc1->weight_quantizer(), expected->fc1->weight_quantizer());
    EXPECT_EQ(net->fc1->output_quantizer().ptr(), output.ptr());
  }
}

}  // namespace
