#include <torch/torch.h>

#include <memory>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/quantizer_stub.h"
#include "fastforward/quantization/affine.h"
#include "fastforward/range_setting/estimate_ranges.h"
#include "fastforward/range_setting/min_max.h"
#include "fastforward/tensor/tiles.h"
#include "support/property.h"

namespace {

using ff::nn::DynamicLinearQuantizer;
using ff::nn::DynamicLinearQuantizerOptions;
using ff::nn::LinearQuantizer;
using ff::nn::LinearQuantizerImpl;
using ff::nn::LinearQuantizerOptions;
using ff::nn::OverrideHandle;
using ff::test::pick;
using ff::test::pick_seed;
using ff::test::random_data;

bool flip() {
  return pick(0, 1) == 1;
}

LinearQuantizer pick_linear(const ff::Granularity& granularity) {
  LinearQuantizerOptions options(pick(1, 16));
  options.symmetric(flip()).allow_one_sided(flip()).one_sided_per_tile(flip());
  options.granularity(granularity);
  if (flip())
    options.quantized_dtype(torch::kInt);
  if (flip())
    options.param_dtype(torch::kDouble);
  return LinearQuantizer(options);
}

// A module that holds one, as models do.
struct ParentImpl : torch::nn::Cloneable<ParentImpl> {
  explicit ParentImpl(std::shared_ptr<ff::nn::QuantizerImpl> first) : child(std::move(first)) {
    register_module("child", child);
  }
  void reset() override {
    child = std::dynamic_pointer_cast<ff::nn::QuantizerImpl>(child->clone());
    register_module("child", child);
  }
  std::shared_ptr<ff::nn::QuantizerImpl> child;
};

RC_GTEST_PROP(Modules, ClonesQuantizeAlikeAndLiveAlone, ()) {
  const auto tiled = ff::test::pick_tiled(ff::test::pick_shape(1, 3));
  RC_PRE(tiled.tiles.count() > 0);
  LinearQuantizer quantizer = pick_linear(tiled.granularity);
  const bool calibrated = flip();
  const torch::Tensor min =
      -random_data({tiled.tiles.count()}, pick_seed()).abs() * (flip() ? 1 : 0);
  const torch::Tensor max = random_data({tiled.tiles.count()}, pick_seed()).abs();
  if (calibrated)
    quantizer->set_quantization_range(min, max);
  std::shared_ptr<LinearQuantizerImpl> copy;
  if (flip()) {
    copy = std::dynamic_pointer_cast<LinearQuantizerImpl>(quantizer->clone());
  } else {
    const ParentImpl parent(quantizer.ptr());
    copy = std::dynamic_pointer_cast<LinearQuantizerImpl>(
        std::dynamic_pointer_cast<ParentImpl>(parent.clone())->child);
  }
  RC_ASSERT(copy != nullptr && copy != quantizer.ptr());
  RC_ASSERT(copy->is_initialized() == calibrated);
  RC_ASSERT(copy->extra_repr() == quantizer->extra_repr());
  RC_ASSERT(copy->named_parameters().keys() == quantizer->named_parameters().keys());
  RC_ASSERT(copy->named_buffers().keys() == quantizer->named_buffers().keys());
  if (!calibrated)
    copy->set_quantization_range(min, max);
  const torch::Tensor data = random_data(tiled.tiles.shape, pick_seed());
  const torch::Tensor before = copy->forward(data).dequantize();
  quantizer->set_quantization_range(min * 3 - 1, max * 5 + 2);
  RC_SAME(copy->forward(data).dequantize(), before);
  copy->set_quantization_range(min * 3 - 1, max * 5 + 2);
  RC_SAME(copy->forward(data).dequantize(), quantizer->forward(data).dequantize());
}

RC_GTEST_PROP(Modules, ClonesOfDynamicOnesQuantizeAlike, ()) {
  const auto tiled = ff::test::pick_tiled(ff::test::pick_shape(1, 3));
  DynamicLinearQuantizer quantizer(DynamicLinearQuantizerOptions(pick(1, 16))
                                       .symmetric(flip())
                                       .allow_one_sided(flip())
                                       .granularity(tiled.granularity));
  const auto copy =
      std::dynamic_pointer_cast<ff::nn::DynamicLinearQuantizerImpl>(quantizer->clone());
  const torch::Tensor data = random_data(tiled.tiles.shape, pick_seed());
  RC_SAME(copy->forward(data).dequantize(), quantizer->forward(data).dequantize());
}

RC_GTEST_PROP(Modules, SaveAndLoad, ()) {
  const auto tiled = ff::test::pick_tiled(ff::test::pick_shape(1, 3));
  RC_PRE(tiled.tiles.count() > 0);
  LinearQuantizer quantizer = pick_linear(tiled.granularity);
  LinearQuantizer loaded(quantizer->options);
  const torch::Tensor max = random_data({tiled.tiles.count()}, pick_seed()).abs();
  quantizer->set_quantization_range(-max, max);
  std::stringstream stream;
  torch::save(quantizer, stream);
  torch::load(loaded, stream);
  const torch::Tensor data = random_data(tiled.tiles.shape, pick_seed());
  RC_SAME(loaded->forward(data).dequantize(), quantizer->forward(data).dequantize());
}

RC_GTEST_PROP(Modules, MinMaxRangesHoldAllData, ()) {
  const auto tiled = ff::test::pick_tiled(ff::test::pick_shape(1, 3));
  LinearQuantizer quantizer(LinearQuantizerOptions(pick(2, 16))
                                .symmetric(flip())
                                .allow_one_sided(flip())
                                .granularity(tiled.granularity));
  std::vector<torch::Tensor> batches(pick(1, 4));
  for (torch::Tensor& batch : batches) {
    batch = random_data(tiled.tiles.shape, pick_seed()) + static_cast<double>(pick(-2, 2));
    RC_PRE(batch.numel() > 0);
  }
  {
    const auto estimation = ff::estimate_ranges(quantizer, ff::range_setting::running_minmax());
    for (const torch::Tensor& batch : batches)
      quantizer->forward(batch);
  }
  for (const torch::Tensor& batch : batches) {
    const torch::Tensor q = quantizer->forward(batch);
    const torch::Tensor scale =
        ff::expand_parameter(quantizer->scale, batch.sizes(), tiled.granularity);
    // Nothing is clipped by more than a rounded step; the range went through float32.
    const torch::Tensor allowed = scale * 1.001 + batch.abs() * 1e-5;
    RC_ASSERT((q.dequantize() - batch).abs().le(allowed).all().item<bool>());
  }
}

// Overrides come and go in any order, some throw: what runs is what is registered, the last first.
RC_GTEST_PROP(Modules, OverridesRunInTheOrderOfRegistration, ()) {
  ff::nn::QuantizerStub stub;
  std::vector<std::pair<int, OverrideHandle>> model;
  std::vector<int> ran;
  const int64_t actions = pick(1, 30);
  for (int i = 0; i < actions; ++i) {
    const int64_t action = pick(0, 3);
    if (action <= 1 || model.empty()) {
      const auto note = [&ran, i](ff::nn::QuantizerImpl&, const ff::nn::NextFunction& next,
                                  const torch::Tensor& data) {
        ran.push_back(i);
        return next(data);
      };
      model.emplace_back(i, stub->register_override(note));
    } else if (action == 2) {
      model.erase(model.begin() + pick(0, static_cast<int64_t>(model.size()) - 1));
    } else {
      try {
        const OverrideHandle thrown =
            stub->register_override([](ff::nn::QuantizerImpl&, const ff::nn::NextFunction& next,
                                       const torch::Tensor& data) -> torch::Tensor {
              next(data);
              throw std::runtime_error("stop");
            });
        stub->forward(torch::ones({1}));
        RC_FAIL("must throw");
      } catch (const std::runtime_error&) {
      }
    }
    ran.clear();
    stub->forward(torch::ones({1}));
    std::vector<int> expected;
    for (size_t k = model.size(); k-- > 0;)
      expected.push_back(model[k].first);
    RC_ASSERT(ran == expected);
  }
}

}  // namespace
