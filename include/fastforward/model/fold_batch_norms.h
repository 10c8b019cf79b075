#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/model/autoquantize.h"
#include "fastforward/model/float_model.h"

namespace ff {

/// What fold_batch_norms did.
struct FF_API FoldReport {
  /// A batch norm that is the identity now, up to a shift.
  struct Folded {
    /// The path of its site.
    std::string norm;
    /// The path of the convolution or linear map.
    std::string product;
  };
  /// A batch norm that stays.
  struct Left {
    /// The path of its site.
    std::string norm;
    /// Why.
    std::string reason;
  };

  /// What was folded.
  std::vector<Folded> folded;
  /// What was not.
  std::vector<Left> left;
};

/// Writes a line for each batch norm.
FF_API std::ostream& operator<<(std::ostream& stream, const FoldReport& report);

/// Folds batch norms into the convolutions and linear maps before them, for good: changes the
/// model's own weights, in torch::nn and in TorchScript.
///
///     factor = scale / sqrt(variance + epsilon)
///     weight = weight * factor            for each output channel
///     bias   = (bias - mean) * factor + shift
///
/// The batch norm stays where it is and does nothing but add a constant, which is all that is left
/// of it where the product has no bias to take it. In eval mode the model gives what it gave
/// before, up to float rounding; training would find other statistics. The model is run on the
/// examples to see which batch norm follows what. ff::autoquantize folds by itself and changes
/// nothing.
///
/// A batch norm stays as it is if its operand is read by others too, is no result of a product, or
/// if its statistics are those of the batch. Source: B. Jacob and others, arXiv:1712.05877, section
/// 3.2. Throws what autoquantize throws.
FF_API FoldReport fold_batch_norms(const FloatModel& model, const Examples& examples);

}  // namespace ff
