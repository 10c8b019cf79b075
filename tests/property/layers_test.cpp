#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "fastforward/dispatch/strict.h"
#include "fastforward/nn/conversion.h"
#include "fastforward/nn/fuse_weights.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/named_quantizers.h"
#include "fastforward/nn/quantized_conv.h"
#include "fastforward/nn/quantized_linear.h"
#include "fastforward/nn/quantizer_stub.h"
#include "fastforward/nn/replace_quantizer.h"
#include "fastforward/range_setting/estimate_ranges.h"
#include "fastforward/range_setting/min_max.h"
#include "support/property.h"

namespace {

using ff::nn::LinearQuantizer;
using ff::nn::LinearQuantizerOptions;
using ff::test::pick;
using ff::test::pick_seed;
using ff::test::random_data;

bool flip() {
  return pick(0, 1) == 1;
}

LinearQuantizerOptions pick_options(bool weight) {
  LinearQuantizerOptions options(pick(2, 9));
  options.symmetric(flip()).allow_one_sided(flip());
  if (weight && flip())
    options.granularity(ff::PerChannel(0));
  return options;
}

// Real quantizers in some places of the model.
void fill_places(torch::nn::Module& model) {
  for (const auto& module : model.modules(/*include_self=*/false)) {
    auto* layer = dynamic_cast<ff::nn::QuantizedModule*>(module.get());
    if (layer == nullptr)
      continue;
    for (const std::string& name : layer->quantizer_names()) {
      const bool weight = name == "weight_quantizer";
      if (name != "input_quantizer" && flip())
        ff::nn::replace_quantizer(*module, name, LinearQuantizer(pick_options(weight)));
    }
  }
}

torch::nn::Sequential pick_network(int64_t inputs) {
  torch::nn::Sequential model;
  const int64_t layers = pick(1, 4);
  for (int64_t i = 0; i < layers; ++i) {
    const int64_t outputs = pick(1, 5);
    switch (pick(0, 3)) {
      case 0:
        model->push_back(torch::nn::ReLU());
        continue;
      case 1:
        model->push_back(torch::nn::GELU());
        continue;
      default:
        model->push_back(torch::nn::Linear(torch::nn::LinearOptions(inputs, outputs).bias(flip())));
        inputs = outputs;
    }
  }
  return model;
}

torch::Tensor values(const torch::Tensor& tensor) {
  return ff::is_quantized(tensor) ? tensor.dequantize() : tensor;
}

// Whatever quantizers a converted model has: without strict mode it runs, its clone computes the
// same, and with its quantizers back to stubs it is the plain model again.
RC_GTEST_PROP(Layers, ConvertedNetworksComputeAndClone, ()) {
  const int64_t inputs = pick(1, 5);
  torch::nn::Sequential model = pick_network(inputs);
  const torch::Tensor x = random_data({pick(1, 4), inputs}, pick_seed());
  const torch::Tensor plain = model->forward(x);
  RC_ASSERT(ff::quantized_modules(model).missing.empty());
  const ff::StrictGuard relaxed(false);
  RC_SAME(model->forward(x), plain);
  fill_places(*model);
  if (!ff::nn::named_quantizers(model).empty()) {
    const auto estimation = ff::estimate_ranges(model, ff::range_setting::running_minmax());
    model->forward(x);
  }
  const torch::Tensor quantized = values(model->forward(x));
  const auto copy = std::dynamic_pointer_cast<torch::nn::SequentialImpl>(model->clone());
  RC_SAME(values(copy->forward(x)), quantized);
  {
    auto fused = ff::fuse_weights(model);
    RC_SAME(values(model->forward(x)), quantized);
    fused.restore();
    RC_SAME(values(model->forward(x)), quantized);
  }
  for (const auto& module : model->modules(/*include_self=*/false)) {
    if (auto* layer = dynamic_cast<ff::nn::QuantizedModule*>(module.get())) {
      for (const std::string& name : layer->quantizer_names())
        ff::nn::replace_quantizer(*module, name, ff::nn::QuantizerStub());
    }
  }
  RC_SAME(model->forward(x), plain);
  RC_SAME(values(copy->forward(x)), quantized);
}

RC_GTEST_PROP(Layers, ConvolutionsOfAnyOptions, ()) {
  const int64_t groups = pick(1, 2);
  auto options =
      torch::nn::Conv2dOptions(groups * pick(1, 2), groups * pick(1, 3), {pick(1, 3), pick(1, 3)})
          .groups(groups)
          .bias(flip())
          .dilation({pick(1, 2), pick(1, 2)});
  switch (pick(0, 3)) {
    case 0:
      options.padding(torch::kSame);
      break;
    case 1:
      options.padding(torch::kValid).stride({pick(1, 3), pick(1, 3)});
      break;
    default:
      options.padding({pick(0, 2), pick(0, 2)}).stride({pick(1, 3), pick(1, 3)});
  }
  switch (pick(0, 3)) {
    case 0:
      options.padding_mode(torch::kReflect);
      break;
    case 1:
      options.padding_mode(torch::kReplicate);
      break;
    case 2:
      options.padding_mode(torch::kCircular);
      break;
    default:
      break;
  }
  torch::nn::Conv2d plain(options);
  const torch::Tensor x =
      random_data({pick(1, 2), options.in_channels(), pick(5, 7), pick(5, 7)}, pick_seed());
  ff::nn::QuantizedConv2d twin(*plain);
  const ff::StrictGuard relaxed(false);
  RC_SAME(twin->forward(x), plain->forward(x));

  LinearQuantizer weight(pick_options(/*weight=*/true)), input(pick_options(false));
  const torch::Tensor flat = plain->weight.detach().flatten(1);
  const bool per_tensor = weight->options.granularity().is_per_tensor();
  weight->set_quantization_range(per_tensor ? flat.min().reshape({1}) : std::get<0>(flat.min(1)),
                                 per_tensor ? flat.max().reshape({1}) : std::get<0>(flat.max(1)));
  input->set_quantization_range(-2.0, 2.0);
  ff::nn::replace_quantizer(*twin, "weight_quantizer", weight);
  ff::nn::replace_quantizer(*twin, "input_quantizer", input);
  plain->weight = weight(plain->weight).dequantize();
  RC_SAME(twin->forward(x), plain->forward(input(x).dequantize()));
}

}  // namespace
