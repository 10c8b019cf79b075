#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/nn/functional/options.h"
#include "fastforward/nn/quantizer.h"

namespace ff::nn {

/// What a module that carries quantizers derives from, beside its torch::nn class.
///
/// A quantizer is a registered child that is asked for by name each time it is used, so that there
/// is no member that could still hold an old one after replace_quantizer(), clone() or assignment.
/// Register in reset(), as LibTorch wants it for everything that clone() copies; a clone gets
/// copies of the quantizers that the original has then, not the stubs of the beginning.
///
///     struct ScaleImpl : torch::nn::Cloneable<ScaleImpl>, ff::nn::QuantizedModule {
///       ScaleImpl() { reset(); }
///       void reset() override {
///         factor = register_parameter("factor", torch::ones({1}));
///         register_quantizer("output_quantizer",
///                            ff::nn::QuantizerMetadata({ff::nn::default_tags::output_quantizer}));
///       }
///       torch::Tensor forward(torch::Tensor x) {
///         return quantizer("output_quantizer")(x.dequantize() * factor);
///       }
///       torch::Tensor factor;
///     };
///     TORCH_MODULE(Scale);
///
/// Source: FastForward's QuantizedModule, whose quantizers are attributes.
class FF_API QuantizedModule {
 public:
  virtual ~QuantizedModule() = default;

  /// Returns the quantizer that is registered as `name` now. Throws c10::ValueError if there is
  /// none.
  Quantizer quantizer(const std::string& name) const;
  /// True if register_quantizer() made `name`.
  bool has_quantizer(const std::string& name) const {
    return names_.count(name) != 0;
  }
  /// Returns the names given to register_quantizer().
  const std::set<std::string>& quantizer_names() const {
    return names_;
  }

  /// Returns the path in the model, "" until named_quantizers has seen the model.
  const std::string& path() const {
    return path_;
  }
  /// Sets the path, for messages.
  void set_path(std::string path) {
    path_ = std::move(path);
  }
  /// Returns the type and the path, like "QuantizedLinear 'encoder.0.fc'".
  std::string describe() const;

 protected:
  /// No quantizers yet.
  QuantizedModule() = default;
  /// Takes the names, and remembers which quantizers reset() has to copy in a clone.
  QuantizedModule(const QuantizedModule& other);
  /// Takes the names. The quantizers themselves are children, which the torch::nn class assigns.
  QuantizedModule& operator=(const QuantizedModule& other);

  /// Registers a stub with `metadata`; in a clone, a copy of what the original has there.
  void register_quantizer(const std::string& name, QuantizerMetadata metadata);
  /// Registers `first`; in a clone, a copy of what the original has there. Throws c10::ValueError
  /// if `first` is empty.
  void register_quantizer(const std::string& name, Quantizer first);

  /// Returns what the quantizer `name` makes of `tensor`; the tensor itself if it is undefined or
  /// there is no such quantizer.
  at::Tensor quantized(const std::string& name, const at::Tensor& tensor) const;
  /// Returns options with the quantizer `name` for the output.
  functional::FunctionalOptions output_options(const std::string& name = "output_quantizer") const {
    return {.output_quantizer = quantizer(name)};
  }

 private:
  std::set<std::string> names_;
  std::map<std::string, std::weak_ptr<QuantizerImpl>> originals_;
  std::string path_;
};

}  // namespace ff::nn
