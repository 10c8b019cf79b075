#include "fastforward/model/autoquantize.h"

#include <memory>

#include "model/eval_scope.h"
#include "model/normal_mode.h"
#include "model/program.h"

namespace ff {

QuantizedModel autoquantize(const FloatModel& model, const Examples& examples,
                            const QuantizationConfig& config, const AutoquantizeOptions& options) {
  const NormalMode normal;
  std::shared_ptr<const model::Program> program;
  {
    const EvalScope<const FloatModel> eval(model);
    program = std::make_shared<const model::Program>(model::make_program(
        model::record(model, examples.calls()), {.fold_batch_norms = options.fold_batch_norms()}));
  }
  QuantizedModel quantized(model, std::move(program));
  quantized->initialize(config);
  return quantized;
}

}  // namespace ff
