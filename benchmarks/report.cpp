#include "report.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace bench {
namespace {

// How wide the columns are in a row; the peers' names are long.
constexpr const char* kRow =
    "| %-36s | %9s | %6s | %-58s | %9s | %6s | %6s | %6s | %9s | %8s | %6s | %-15s |\n";

std::string number(const char* format, const std::optional<double>& value) {
  if (!value.has_value())
    return "-";
  char text[64];
  std::snprintf(text, sizeof text, format, *value);
  return text;
}

std::string milliseconds(const std::optional<Timing>& timing) {
  return timing.has_value() ? number("%.4g", timing->milliseconds) : "-";
}

std::string percent(const std::optional<Timing>& timing) {
  return timing.has_value() ? number("%.0f %%", timing->spread * 100) : "-";
}

bool misses(const std::optional<double>& value, const std::optional<double>& target) {
  return value.has_value() && target.has_value() && *value < *target;
}

std::string missed(const Result& result) {
  if (!result.wrong_answer.empty())
    return "WRONG";
  const bool ratio = misses(result.ratio(), result.target.ratio);
  const bool of_limit = misses(result.of_limit(), result.target.of_limit);
  return ratio && of_limit ? "ratio, of_limit" : ratio ? "ratio" : of_limit ? "of_limit" : "";
}

double mebibytes(int64_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

std::string row(const std::vector<std::string>& cells) {
  char line[512];
  const auto cell = [&](size_t i) { return cells[i].c_str(); };
  std::snprintf(line, sizeof line, kRow, cell(0), cell(1), cell(2), cell(3), cell(4), cell(5),
                cell(6), cell(7), cell(8), cell(9), cell(10), cell(11));
  return line;
}

nlohmann::json json_number(const std::optional<double>& value) {
  return value.has_value() ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

nlohmann::json json_milliseconds(const std::optional<Timing>& timing) {
  return timing.has_value() ? nlohmann::json(timing->milliseconds) : nlohmann::json(nullptr);
}

}  // namespace

Report::Report(std::ostream& out) : out_(out) {
  std::string rule = row({"name", "ours ms", "spread", "peer", "peer ms", "spread", "ratio",
                          "target", "limit ms", "of_limit", "target", "missed"});
  out_ << rule;
  // Names to the left, figures to the right.
  for (char& letter : rule)
    letter = letter == '|' || letter == '\n' ? letter : '-';
  std::vector<size_t> bars;
  for (size_t i = 0; i < rule.size(); ++i) {
    if (rule[i] == '|')
      bars.push_back(i);
  }
  for (const size_t column : {1, 2, 4, 5, 6, 7, 8, 9, 10})
    rule[bars[column + 1] - 1] = ':';
  out_ << rule << std::flush;
}

void Report::add(const Result& result) {
  results_.push_back(result);
  out_ << row({result.name, milliseconds(result.ours), percent(result.ours),
               result.peer_name.empty() ? "-" : result.peer_name, milliseconds(result.peer),
               percent(result.peer), number("%.2f", result.ratio()),
               number("%.3g", result.target.ratio), milliseconds(result.limit),
               number("%.2f", result.of_limit()), number("%.3g", result.target.of_limit),
               missed(result)});
  if (result.memory.has_value())
    out_ << "  peak memory of " << result.name << ": ours "
         << number("%.1f", mebibytes(result.memory->ours)) << " MiB, peer "
         << number("%.1f", mebibytes(result.memory->peer)) << " MiB\n";
  out_ << std::flush;
}

std::string Report::json() const {
  nlohmann::ordered_json results = nlohmann::ordered_json::object();
  for (const Result& result : results_) {
    results[result.name] = {{"ours_ms", json_milliseconds(result.ours)},
                            {"peer", result.peer_name.empty() ? nlohmann::json(nullptr)
                                                              : nlohmann::json(result.peer_name)},
                            {"peer_ms", json_milliseconds(result.peer)},
                            {"ratio", json_number(result.ratio())},
                            {"limit_ms", json_milliseconds(result.limit)},
                            {"of_limit", json_number(result.of_limit())}};
    if (result.memory.has_value()) {
      results[result.name]["ours_mib"] = mebibytes(result.memory->ours);
      results[result.name]["peer_mib"] = mebibytes(result.memory->peer);
    }
  }
  return results.dump(2) + "\n";
}

int Report::wrong_answers() const {
  return static_cast<int>(std::count_if(results_.begin(), results_.end(), [](const Result& result) {
    return !result.wrong_answer.empty();
  }));
}

}  // namespace bench
