#pragma once

#include <ATen/core/Tensor.h>

#include <initializer_list>
#include <utility>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/model/float_model.h"
#include "fastforward/model/presets.h"
#include "fastforward/model/quantization_config.h"
#include "fastforward/model/quantized_model.h"

namespace ff {

/// Inputs of one or several calls of a model.
class FF_API Examples {
 public:
  /// One call with one tensor.
  Examples(const at::Tensor& input) : calls_{{input}} {}
  /// One call with several inputs.
  Examples(Inputs inputs) : calls_{std::move(inputs)} {}
  /// Several calls.
  Examples(std::vector<Inputs> calls) : calls_(std::move(calls)) {}

  /// Returns the calls.
  const std::vector<Inputs>& calls() const {
    return calls_;
  }

 private:
  std::vector<Inputs> calls_;
};

/// Options for autoquantize.
struct FF_API AutoquantizeOptions {
  /// Fold batch norms into the convolutions and linear maps before them, while their weights are
  /// quantized. They keep their statistics then, in training as well.
  TORCH_ARG(bool, fold_batch_norms) = true;
};

/// Makes a quantized model of a float model, without touching it: runs it once for each example, in
/// eval mode, sees its operators, and puts quantizers where integers will run.
///
///     ff::QuantizedModel quantized = ff::autoquantize(net, example, ff::presets::w8a8());
///     ff::calibrate(quantized, batches);
///     torch::Tensor scores = quantized(images);
///     std::cout << quantized->coverage();
///
/// Weights get their ranges here, activations by ff::calibrate. `config` is applied to the tree of
/// the quantized model (see QuantizedModelImpl); add rules to a preset to change some places. Which
/// places there are, and why: docs/autoquant.md. A model whose calls depend on data or state needs
/// an example of each case; what none showed runs in float and is counted in the coverage.
///
/// Throws c10::ValueError if there is no example or no operator to quantize, c10::TypeError for
/// inputs that the model does not take, what QuantizationConfig::initialize throws, and what the
/// model throws.
FF_API QuantizedModel autoquantize(const FloatModel& model, const Examples& examples,
                                   const QuantizationConfig& config = presets::w8a8(),
                                   const AutoquantizeOptions& options = {});

}  // namespace ff
