#include "fastforward/model/coverage.h"

#include <ATen/core/Tensor.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "core/table_text.h"

namespace ff {
namespace {

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

std::vector<std::string> row_of(const CallCoverage& call, bool with_integers) {
  std::vector<std::string> row = {call.site,
                                  call.op,
                                  c10::str(at::IntArrayRef(call.shape)),
                                  or_dash(call.weight),
                                  or_dash(c10::Join(", ", call.operands)),
                                  or_dash(call.result),
                                  call.reason};
  if (with_integers)
    row.insert(row.end() - 1, or_dash(call.integers));
  return row;
}

}  // namespace

size_t Coverage::quantized() const {
  return static_cast<size_t>(std::count_if(
      calls.begin(), calls.end(), [](const CallCoverage& call) { return call.is_quantized; }));
}

std::string Coverage::to_json() const {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const CallCoverage& call : calls) {
    all.push_back({{"site", call.site},
                   {"operator", call.op},
                   {"shape", call.shape},
                   {"weight", call.weight},
                   {"operands", call.operands},
                   {"result", call.result},
                   {"quantized", call.is_quantized},
                   {"reason", call.reason},
                   {"integers", call.integers}});
  }
  return nlohmann::ordered_json{{"calls", all}, {"unseen", unseen}}.dump(2);
}

std::ostream& operator<<(std::ostream& stream, const Coverage& coverage) {
  // A column of its own once the model ran in integers.
  const bool with_integers =
      std::any_of(coverage.calls.begin(), coverage.calls.end(),
                  [](const CallCoverage& call) { return !call.integers.empty(); });
  std::vector<std::vector<std::string>> rows = {
      {"site", "operator", "shape", "weight", "operands", "result", "reason"}};
  if (with_integers)
    rows[0].insert(rows[0].end() - 1, "in integers");
  for (const CallCoverage& call : coverage.calls)
    rows.push_back(row_of(call, with_integers));
  write_table(stream, rows);
  stream << coverage.quantized() << " of " << coverage.calls.size() << " calls are quantized\n";
  for (const auto& [call, times] : coverage.unseen)
    stream << "not in any example, in float: " << call << ", " << times << " times\n";
  return stream;
}

}  // namespace ff
