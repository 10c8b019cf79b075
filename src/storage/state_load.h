#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fastforward/storage/safetensors.h"
#include "fastforward/storage/state.h"
#include "storage/model_change.h"
#include "storage/model_contents.h"

namespace ff::storage {

/// A state on its way into a model. First everything is read and made, then the model is changed.
class StateLoad {
 public:
  /// Reads a file and makes the quantizers, checking all that can be wrong. `where` begins errors.
  /// Throws c10::ValueError for a damaged file; what does not fit goes to the report.
  StateLoad(std::string where, const nn::ModuleRef& model, const std::filesystem::path& path,
            const LoadOptions& options);
  StateLoad(const StateLoad&) = delete;
  StateLoad& operator=(const StateLoad&) = delete;

  /// Throws a c10::ValueError with the first things in the report that do not fit, if any.
  void check_complete() const;

  /// Changes the model. After an error it is as it was.
  void commit();

  /// Undoes commit().
  void undo() {
    change_.undo();
  }

  /// What the model is made of.
  const ModelContents& contents() const {
    return contents_;
  }
  /// The tensors of the saved model.
  const std::vector<TensorRecord>& saved_tensors() const {
    return state_.tensors;
  }
  /// What was found so far; more is added by who loads more.
  LoadReport& report() {
    return report_;
  }

 private:
  struct Tensors {
    std::string name;
    at::Tensor values;
    bool is_trained;
  };
  /// One quantizer of the file and where it goes.
  struct Step {
    nn::Quantizer quantizer = nullptr;
    nn::QuantizerMetadata metadata;
    std::vector<Tensors> tensors;
    std::vector<const Place*> replaced;  // empty if it is loaded in place
    std::vector<const Place*> places;
  };

  void read(const SafetensorsFile& file);
  void plan(const QuantizerRecord& record, const SafetensorsFile& file);
  std::string make(const QuantizerRecord& record, Step& step) const;
  std::string take_tensors(const QuantizerRecord& record, const SafetensorsFile& file,
                           Step& step) const;
  void find_missing();
  bool replace(const Step& step);
  void write(const Step& step);
  void skip(const std::vector<std::string>& places, const std::string& reason);

  // What begins errors, without the colon at the end.
  std::string location() const {
    return where_.substr(0, where_.size() - 2);
  }

  std::string where_;
  LoadOptions options_;
  ModelContents contents_;
  LoadReport report_;
  StateRecord state_;
  std::vector<Step> steps_;
  ModelChange change_;
};

}  // namespace ff::storage
