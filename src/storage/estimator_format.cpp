#include "storage/estimator_format.h"

#include <array>
#include <cmath>
#include <optional>

#include "fastforward/range_setting/min_error.h"
#include "fastforward/range_setting/min_max.h"

namespace ff::storage {
namespace {

namespace rs = range_setting;

constexpr std::array<std::string_view, 4> kNames = {"running_minmax", "narrow_minmax",
                                                    "smoothed_minmax", "mse_grid"};
constexpr std::int64_t kMostCandidates = 1 << 20;

double number(const json::Value& value, const char* key, double otherwise, double least,
              double most) {
  const std::optional<json::Value> found = value.find(key);
  if (!found.has_value())
    return otherwise;
  const double given = found->number();
  if (!(given >= least && given <= most))
    found->fail_expected("a number from " + std::to_string(least) + " to " + std::to_string(most));
  return given;
}

std::shared_ptr<rs::RangeEstimator> read_mse_grid(const json::Value& value) {
  value.expect_keys({"name"}, {"num_candidates", "absolute_margin", "relative_margin"});
  constexpr double kLargest = 1e6;
  rs::MinErrorGridOptions options;
  if (const auto candidates = value.find("num_candidates"))
    options.num_candidates = candidates->integer(1, kMostCandidates);
  options.search_grid_generator =
      rs::uniform_search_grid(number(value, "absolute_margin", 0.5, 0, kLargest),
                              number(value, "relative_margin", 1, 0, kLargest));
  return rs::mse_grid(options);
}

}  // namespace

std::shared_ptr<rs::RangeEstimator> read_estimator(const json::Value& value) {
  const bool is_name = value.kind() == json::Kind::kString;
  const std::string_view name = kNames[(is_name ? value : value.at("name")).choice(kNames)];
  if (name == "mse_grid" && !is_name)
    return read_mse_grid(value);
  if (name == "smoothed_minmax" && !is_name) {
    value.expect_keys({"name"}, {"gamma"});
    return rs::smoothed_minmax({.gamma = number(value, "gamma", 1, 0, 1)});
  }
  if (!is_name)
    value.expect_keys({"name"});
  return name == "running_minmax"    ? rs::running_minmax()
         : name == "narrow_minmax"   ? rs::narrow_minmax()
         : name == "smoothed_minmax" ? rs::smoothed_minmax()
                                     : rs::mse_grid();
}

}  // namespace ff::storage
