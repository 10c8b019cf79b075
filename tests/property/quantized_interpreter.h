#pragma once

#include <torch/types.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "property/random_network.h"

namespace ff::test {

/// Runs a network with explicit fake-quantize operations, where the rules of ff::autoquantize put
/// them. It knows these rules by itself and shares no code with src/model.
class QuantizedInterpreter {
 public:
  /// Finds out what reads what, by running the network as it is.
  explicit QuantizedInterpreter(const Network& network);

  /// Widens the ranges of all values by those of a batch, in float.
  void calibrate(const ff::Inputs& batch);
  /// Runs the network on its grids.
  std::vector<torch::Tensor> forward(const ff::Inputs& batch);
  /// Number of places where values, not weights, are put on a grid.
  size_t places() const;

 private:
  // What an operator is, by the rules.
  enum class Kind { kProduct, kFunction, kPair, kSum, kStructure, kFloat, kHandOn };
  // Where a value is put on a grid.
  enum class Place { kNone, kResult, kReaders };

  struct Reader {
    size_t step, operand;
  };
  struct Value {
    std::optional<size_t> step;  // that makes it; none for inputs, and for what a view wrote
    std::vector<Reader> readers;
    bool is_returned = false, is_wanted = false;
    Place place = Place::kNone;
    float min = 0, max = 0;
    bool has_range = false;
  };
  struct Step {
    Kind kind;
    std::vector<std::optional<size_t>> operands;  // none for what is made of parameters
    std::vector<std::optional<size_t>> results;
    bool is_view_of_written_memory = false;
    std::optional<size_t> norm;  // the batch norm folded into this product
    bool is_folded = false;      // this batch norm is
  };
  // What a variable is while the network is traced.
  struct Variable {
    torch::Tensor tensor;
    std::optional<size_t> value;
    uint32_t version = 0;
    std::vector<size_t> views;  // the steps that made it a view
  };
  enum class Mode { kCalibrate, kQuantize };

  void trace();
  std::optional<size_t> read(size_t variable, size_t step, size_t operand);
  std::optional<size_t> current(size_t variable);
  void set_value(const torch::Tensor& tensor, std::optional<size_t> value);
  void add_results(size_t step, const std::vector<torch::Tensor>& results);
  void note_write(const torch::Tensor& target, size_t value);
  void fold_batch_norms();
  bool wants(const Reader& reader) const;
  bool is_read_on_grids_only(const Step& step) const;
  bool wants_result(const Step& step) const;
  bool is_quantized_after(const Reader& reader) const;
  void find_wanted();
  void find_places();
  std::vector<torch::Tensor> run(const ff::Inputs& batch, Mode mode);
  torch::Tensor visit(size_t value, const torch::Tensor& tensor, Mode mode);
  torch::Tensor weight_on_grid(const torch::Tensor& weight, int64_t axis) const;
  std::vector<torch::Tensor> run_step(size_t step, std::vector<torch::Tensor> tensors, Mode mode);
  bool quantizes_operand(const Reader& reader) const;

  Network network_;
  std::vector<Value> values_;
  std::vector<Step> steps_;
  std::vector<Variable> variables_;
  std::map<const void*, std::optional<size_t>> written_;  // by memory: the value written last
};

}  // namespace ff::test
