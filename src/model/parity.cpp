#include "fastforward/model/parity.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <limits>
#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>

#include "core/table_text.h"
#include "fastforward/dispatch/integer_guard.h"
#include "fastforward/model/sensitivity.h"
#include "model/eval_scope.h"
#include "model/model_access.h"
#include "model/model_run.h"
#include "model/parity_runner.h"
#include "model/state_scope.h"

namespace ff {
namespace {

double decibels(double signal, double noise) {
  constexpr double kDecibels = 10;
  return noise == 0 ? std::numeric_limits<double>::infinity()
                    : kDecibels * std::log10(signal / noise);
}

// A model may write to its inputs.
Inputs copy_of(const Inputs& batch) {
  Inputs copy;
  for (const c10::IValue& input : batch)
    copy.push_back(input.deepcopy());
  return copy;
}

c10::IValue simulate(QuantizedModelImpl& model, const Inputs& batch,
                     std::vector<model::ParitySums>& sums) {
  const StateScope state(model.float_model());
  model::ParityRunner runner(model, model::ModelAccess::tensors(model), sums);
  return model::run(runner, model.float_model(), copy_of(batch));
}

c10::IValue run_in_integers(QuantizedModelImpl& model, const Inputs& batch) {
  const StateScope state(model.float_model());
  const IntegerGuard integers;
  return model.run(copy_of(batch));
}

double largest_difference(const c10::IValue& one, const c10::IValue& other) {
  const std::vector<at::Tensor> first = model::tensors_in({one}),
                                second = model::tensors_in({other});
  double largest = 0;
  for (size_t i = 0; i < std::min(first.size(), second.size()); ++i) {
    if (first[i].numel() > 0 && first[i].sizes() == second[i].sizes())
      largest = std::max(
          largest,
          (first[i].to(at::kDouble) - second[i].to(at::kDouble)).abs().max().item<double>());
  }
  return largest;
}

std::vector<SiteParity> sites_of(const std::vector<Site>& sites,
                                 const std::vector<model::ParitySums>& sums) {
  std::vector<SiteParity> all;
  for (size_t i = 0; i < sums.size(); ++i) {
    if (sums[i].codes == 0 && !sums[i].is_integer)
      continue;
    all.push_back({sites[i].path, sites[i].op, sums[i].codes, sums[i].equal, sums[i].largest,
                   decibels(sums[i].is_integer ? sums[i].signal : 1, sums[i].noise),
                   sums[i].is_integer});
  }
  return all;
}

std::string percent(double share) {
  constexpr double kHundred = 100;
  std::ostringstream text;
  text << std::fixed << std::setprecision(4) << kHundred * share << " %";
  return text.str();
}

std::string fixed(double number, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << number;
  return text.str();
}

nlohmann::ordered_json finite(double number) {
  return std::isfinite(number) ? nlohmann::ordered_json(number) : nlohmann::ordered_json();
}

}  // namespace

double SiteParity::share() const {
  return codes == 0 ? 1 : static_cast<double>(equal) / static_cast<double>(codes);
}

int64_t Parity::codes() const {
  int64_t sum = 0;
  for (const SiteParity& site : sites)
    sum += site.is_integer ? site.codes : 0;
  return sum;
}

int64_t Parity::equal() const {
  int64_t sum = 0;
  for (const SiteParity& site : sites)
    sum += site.is_integer ? site.equal : 0;
  return sum;
}

std::string Parity::to_json() const {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const SiteParity& site : sites) {
    all.push_back({{"site", site.site},
                   {"operator", site.op},
                   {"codes", site.codes},
                   {"equal", site.equal},
                   {"largest", site.largest},
                   {"sqnr", finite(site.sqnr)},
                   {"integers", site.is_integer}});
  }
  return nlohmann::ordered_json{
      {"sites", all}, {"sqnr", finite(sqnr)}, {"largest", finite(largest)}}
      .dump(2);
}

std::ostream& operator<<(std::ostream& stream, const Parity& parity) {
  std::vector<std::vector<std::string>> rows = {
      {"site", "operator", "codes", "equal", "largest", "SQNR dB", "in"}};
  for (const SiteParity& site : parity.sites)
    rows.push_back({site.site, site.op, site.codes == 0 ? "-" : std::to_string(site.codes),
                    site.codes == 0 ? "-" : percent(site.share()),
                    site.codes == 0 ? "-" : std::to_string(site.largest), fixed(site.sqnr, 1),
                    site.is_integer ? "integers" : "float"});
  write_table(stream, rows);
  const int64_t codes = parity.codes();
  if (codes == 0)
    stream << "no site gives codes in integers\n";
  else
    stream << percent(static_cast<double>(parity.equal()) / static_cast<double>(codes)) << " of "
           << codes << " codes of integers are equal where both ways are fed the same\n";
  stream << "from end to end: SQNR " << fixed(parity.sqnr, 1) << " dB, largest difference "
         << parity.largest << "\n";
  return stream;
}

Parity parity(QuantizedModel& model, const Examples& batches, const ParityOptions& options) {
  TORCH_CHECK_VALUE(!batches.calls().empty(),
                    "parity: there is no batch; give the inputs of one call.");
  const at::NoGradGuard no_grad;
  const EvalScope eval(*model);
  std::vector<model::ParitySums> sums(model->sites().size());
  std::vector<c10::IValue> simulated, integer;
  Parity result;
  for (const Inputs& batch : batches.calls()) {
    simulated.push_back(simulate(*model, batch, sums));
    integer.push_back(run_in_integers(*model, batch));
    result.largest = std::max(result.largest, largest_difference(simulated.back(), integer.back()));
    if (options.progress != nullptr)
      options.progress(static_cast<int64_t>(integer.size()),
                       static_cast<int64_t>(batches.calls().size()));
  }
  // Of the weights the model keeps one form only.
  model::ModelAccess::binding(*model).forget_weights(
      model->is_integer() ? model::WeightForm::kValues : model::WeightForm::kCodes);
  result.sites = sites_of(model->sites(), sums);
  result.sqnr =
      result.largest == 0 ? std::numeric_limits<double>::infinity() : sqnr(integer, simulated);
  return result;
}

}  // namespace ff
