#include "fastforward/nn/quantized_layer.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <memory>
#include <set>
#include <sstream>
#include <string>

#include "fastforward/nn/quantizer_stub.h"
#include "nn/layer_checks.h"

namespace {

using ff::nn::LayerPlaces;
using ff::nn::QuantizedLayer;
using ff::test::random_data;

// A twin that a user writes.
class QuantizedPReLUImpl
    : public QuantizedLayer<QuantizedPReLUImpl, torch::nn::PReLUImpl, ff::nn::kUnbiasedPlaces> {
 public:
  using QuantizedLayer::QuantizedLayer;
  torch::Tensor forward(const torch::Tensor& input) {
    const torch::Tensor x = quantized_input(input), w = quantized_weight();
    TORCH_CHECK_TYPE(!ff::strict_quantization() || (ff::is_quantized(x) && ff::is_quantized(w)),
                     "strict");
    const ff::StrictGuard relaxed(false);
    return output_quantizer()(torch::prelu(x, w));
  }
};

TEST(QuantizedLayer, TwinsOfTheUsersOwn) {
  const torch::nn::PReLU plain(torch::nn::PReLUOptions().num_parameters(3).init(0.4));
  ff::test::expect_twin<QuantizedPReLUImpl>(*plain, random_data({4, 3}, 1));
}

class SomePlacesImpl
    : public QuantizedLayer<SomePlacesImpl, torch::nn::LinearImpl, ff::nn::kLookupPlaces> {
 public:
  using QuantizedLayer::QuantizedLayer;
  torch::Tensor forward(const torch::Tensor& input) {
    return input;
  }
};

template <typename Layer>
concept HasInputPlace = requires(const Layer& layer) {
  layer.input_quantizer();
};
static_assert(HasInputPlace<QuantizedPReLUImpl> && !HasInputPlace<SomePlacesImpl>);

TEST(QuantizedLayer, RegistersThePlacesThatItIsToldTo) {
  const auto layer = std::make_shared<SomePlacesImpl>(2, 3);
  EXPECT_EQ(layer->quantizer_names(),
            (std::set<std::string>{"output_quantizer", "weight_quantizer"}));
  EXPECT_TRUE(layer->has_quantizer("weight_quantizer"));
}

TEST(QuantizedLayer, PrintsWithItsQuantizers) {
  std::ostringstream stream;
  stream << *std::make_shared<SomePlacesImpl>(2, 3);
  EXPECT_EQ(stream.str().find("ff::nn::QuantizedLinear(in_features=2, out_features=3"), 0U)
      << stream.str();
  EXPECT_NE(stream.str().find("(weight_quantizer): QuantizerStub(QuantizerMetadata(#parameter, "
                              "#parameter/weight, shape=[3, 2]))"),
            std::string::npos)
      << stream.str();
}

TEST(QuantizedLayer, ModulesByValueShareWhatTheyHold) {
  torch::nn::Sequential model(SomePlacesImpl(2, 3));
  const auto& layer = *model[0]->as<SomePlacesImpl>();
  EXPECT_NE(layer.weight_quantizer()->as<ff::nn::QuantizerStub>(), nullptr);
  ff::nn::replace_quantizer(*model[0], "weight_quantizer", ff::nn::LinearQuantizer(8));
  EXPECT_NE(layer.weight_quantizer()->as<ff::nn::LinearQuantizer>(), nullptr);
}

TEST(QuantizedLayer, TrainAndEvalReachTheQuantizers) {
  const auto layer = std::make_shared<SomePlacesImpl>(2, 3);
  layer->eval();
  EXPECT_FALSE(layer->output_quantizer()->is_training());
  layer->train();
  EXPECT_TRUE(layer->output_quantizer()->is_training());
}

}  // namespace
