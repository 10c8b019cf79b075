#pragma once

#include <c10/core/Device.h>

#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/nn/named_quantizers.h"

namespace ff {

/// Options for load_quantization_state and load_quantized_model.
struct FF_API LoadOptions {
  /// True: everything must fit, else it is an error and nothing changes. False: what fits is
  /// loaded, and the report tells the rest.
  bool strict = true;
  /// The device of quantizers that are made anew; by default that of the model's first tensor,
  /// the CPU if that one is on the meta device.
  std::optional<c10::Device> device = std::nullopt;
};

/// What a load did.
struct FF_API LoadReport {
  /// Something in the file that the model did not take, and why.
  struct Skipped {
    /// The place of a quantizer, or the name of a weight.
    std::string name;
    /// Why.
    std::string reason;
  };

  /// The places of the quantizers, and the names of the weights, that were loaded.
  std::vector<std::string> loaded;
  /// What is in the file and was not loaded. Empty after a strict load.
  std::vector<Skipped> skipped;
  /// The places and weights of the model that the file does not have; they stay as they were. Empty
  /// after a strict load.
  std::vector<std::string> missing;
  /// How the tensors of the model differ from those of the saved model. Empty after a strict load.
  std::vector<std::string> differences;

  /// True if everything was loaded and nothing differs.
  bool is_complete() const {
    return skipped.empty() && missing.empty() && differences.empty();
  }
};

/// Writes what was not loaded, one line each, after a line with the numbers.
FF_API std::ostream& operator<<(std::ostream& stream, const LoadReport& report);

/// Writes all quantizers of a model into one file, at once and whole (write_file_atomically): their
/// types and settings, their parameters and buffers with all bits, which parameters are trained,
/// metadata, and which places share one quantizer.
///
/// The weights are not in the file, only a fingerprint of them: names, types, shapes, and which are
/// the same tensor. Stubs are in it, so that a place that was empty is empty again. Overrides, and
/// so disabled quantizers, are not. docs/storage.md describes the file.
///
/// Throws c10::ValueError for a quantizer of a type that register_quantizer_type does not know, an
/// attribute that the file cannot hold (it holds None, bool, int, float, str, and lists of those
/// four), a tag of more than 32 levels, parameters that a load would refuse, such as a scale that
/// is NaN, and a text that is not UTF-8; c10::Error if writing fails. Then the file stays as it
/// was.
///
///     ff::save_quantization_state(model, "w8a8.safetensors");
///     ff::load_quantization_state(other, "w8a8.safetensors");
FF_API void save_quantization_state(const nn::ModuleRef& model, const std::filesystem::path& path);

/// Brings the quantizers of a model into the state of a file.
///
/// A quantizer of the saved type and settings is loaded in place, and its parameters stay the ones
/// that an optimizer knows. Other ones, as stubs, are replaced (nn::replace_quantizer) by one that
/// is made anew; places that shared a quantizer share one again. All checks come first: after an
/// error the model is as it was.
///
/// Throws c10::ValueError, with the file and what is wrong, if it is damaged or of a newer version;
/// when strict also if it does not fit, with the first differences: tensors of the model with other
/// names, types or shapes, places that only one of both has, unknown types; c10::TypeError if a
/// quantizer cannot be replaced.
FF_API LoadReport load_quantization_state(const nn::ModuleRef& model,
                                          const std::filesystem::path& path,
                                          const LoadOptions& options = {});

}  // namespace ff
