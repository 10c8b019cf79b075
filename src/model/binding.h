#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "fastforward/model/float_model.h"
#include "fastforward/nn/quantizer.h"
#include "fastforward/tensor/bound_function.h"
#include "model/batch_norm_folding.h"
#include "model/program.h"
#include "model/site.h"
#include "model/tracker.h"

namespace ff::model {

/// How a quantized weight is given.
enum class WeightForm {
  kValues,  ///< a plain tensor of values on the grid
  kCodes    ///< a quantized tensor, where integers take its codes; else values
};

/// A quantized weight, and the bias that goes with it where a batch norm is folded in.
struct QuantizedWeight {
  /// On the grid; the weight itself where its quantizer is off.
  at::Tensor weight;
  /// Undefined where nothing is folded in.
  at::Tensor bias;
};

/// The model's own tensors as they are in one run.
struct ModelTensors {
  /// Values of parameters and buffers.
  ParameterIds ids;
  /// Values of captured tensors.
  ParameterIds captured;
  /// By value; undefined for values that are no parameters.
  std::vector<at::Tensor> by_value;

  /// The tensor of a value, undefined for kConstant.
  at::Tensor operator[](ValueId value) const {
    return value < 0 ? at::Tensor() : by_value.at(static_cast<size_t>(value));
  }
};

/// The tensors and quantizers of one quantized model, for a program that others may share.
class Binding {
 public:
  /// No sites yet.
  explicit Binding(std::shared_ptr<const Program> program);

  /// Says where a place is.
  void set_site(size_t place, std::shared_ptr<SiteImpl> site);
  /// What stands in a place now.
  nn::Quantizer quantizer(size_t place) const;
  /// The function of a place's quantizer, see QuantizerImpl::fixed_function. The one from before
  /// where its arguments are the same objects.
  std::optional<BoundQuantizationFunction> fixed_function(size_t place,
                                                          const nn::QuantizerImpl& quantizer);
  /// Puts a quantizer into a place.
  void replace(size_t place, nn::Quantizer quantizer);
  /// The path of a place's quantizer.
  std::string path(size_t place) const {
    return program_->place_names[place].site + "." + program_->place_names[place].name;
  }
  /// Returns the tensors that the model has now; somebody may have put others in.
  std::shared_ptr<const ModelTensors> tensors(const FloatModel& model);

  /// Weight and bias of a product with its batch norm folded into them, in float.
  FoldedWeights folded(const BatchNormFold& fold, const at::Tensor& weight,
                       const ModelTensors& tensors) const;
  /// The weight of a place on its grid. With `fold`, the batch norm is folded in first, unless the
  /// quantizer is off. Kept until a tensor that it was made of changes, where no gradient is wanted
  /// and nothing stands before the quantizer.
  QuantizedWeight quantized_weight(size_t place, const at::Tensor& weight,
                                   const BatchNormFold* fold, const ModelTensors& tensors,
                                   WeightForm form = WeightForm::kValues);
  /// Gives back the memory of weights that are kept in one form.
  void forget_weights(WeightForm form);

  /// Notes how a call ran in integers, see CallCoverage::integers. `conditions`: what that depends
  /// on, in a number.
  void note_integers(size_t call, uint32_t conditions, std::string how);
  /// True if that is known for these conditions, which are those of the last note.
  bool knows_integers(size_t call, uint32_t conditions) const;
  /// What was noted for each call, empty where nothing was.
  std::vector<std::string> integers() const;
  /// Forgets that.
  void forget_integers();

  /// Counts a call that no example showed; returns true the first time that there is any.
  bool count_unseen(const std::string& call);
  /// Such calls.
  std::map<std::string, int64_t> unseen() const;

 private:
  // A tensor that a quantized weight was made of, as it was.
  struct Source {
    at::Tensor tensor;  // so that no address is used again
    const void* memory;
    uint32_t version;

    explicit Source(at::Tensor of);
    bool is_still(const at::Tensor& now) const;
  };
  struct Noted {
    uint32_t conditions = 0;
    std::string how;  // empty if nothing was noted
  };
  struct Kept {
    nn::Quantizer quantizer;
    std::vector<Source> sources;
    QuantizedWeight weight;
  };

  std::shared_ptr<const Program> program_;
  std::vector<std::shared_ptr<SiteImpl>> sites_;
  mutable std::mutex mutex_;
  std::shared_ptr<const ModelTensors> tensors_;
  std::vector<at::Tensor> bare_tensors_;                  // of the model when tensors_ was made
  std::array<std::vector<std::optional<Kept>>, 2> kept_;  // for each form
  std::vector<std::optional<BoundQuantizationFunction>> functions_;
  std::vector<Noted> integers_;
  std::map<std::string, int64_t> unseen_;
};

}  // namespace ff::model
