#include "report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace {

bench::Result complete() {
  bench::Result result;
  result.name = "minmax/tensor/DRAM";
  result.target = {3, 0.5};
  result.peer_name = "torch.aminmax";
  result.ours = bench::Timing{2, 0.01};
  result.peer = bench::Timing{5, 0.02};
  result.limit = bench::Timing{1.5, 0.03};
  return result;
}

bench::Result alone() {
  bench::Result result;
  result.name = "alone";
  result.ours = bench::Timing{0.0012345, 0};
  return result;
}

bench::Result wrong() {
  bench::Result result;
  result.name = "wrong";
  result.peer_name = "peer";
  result.wrong_answer = "1 and 2";
  return result;
}

// The cells of a table's line, without the spaces around them.
std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> found;
  std::istringstream stream(line.substr(1));
  for (std::string cell; std::getline(stream, cell, '|');) {
    const size_t start = cell.find_first_not_of(' ');
    found.push_back(start == std::string::npos
                        ? ""
                        : cell.substr(start, cell.find_last_not_of(' ') - start + 1));
  }
  return found;
}

TEST(Report, IsAMarkdownTable) {
  std::ostringstream out;
  bench::Report report(out);
  report.add(complete());
  report.add(alone());
  report.add(wrong());
  std::istringstream text(out.str());
  std::vector<std::vector<std::string>> rows;
  size_t width = 0;
  for (std::string line; std::getline(text, line); rows.push_back(cells(line))) {
    EXPECT_TRUE(width == 0 || line.size() == width) << line;
    width = line.size();
  }
  ASSERT_EQ(rows.size(), 5U);
  using Row = std::vector<std::string>;
  EXPECT_EQ(rows[0], (Row{"name", "ours ms", "spread", "peer", "peer ms", "spread", "ratio",
                          "target", "limit ms", "of_limit", "target", "missed"}));
  EXPECT_EQ(rows[2], (Row{"minmax/tensor/DRAM", "2", "1 %", "torch.aminmax", "5", "2 %", "2.50",
                          "3", "1.5", "0.75", "0.5", "ratio"}));
  EXPECT_EQ(rows[3], (Row{"alone", "0.001234", "0 %", "-", "-", "-", "-", "-", "-", "-", "-", ""}));
  EXPECT_EQ(rows[4].back(), "WRONG");
}

TEST(Report, JsonHasNullForWhatThereIsNot) {
  std::ostringstream out;
  bench::Report report(out);
  report.add(complete());
  report.add(alone());
  EXPECT_EQ(nlohmann::json::parse(report.json()), nlohmann::json::parse(R"({
    "minmax/tensor/DRAM": {"ours_ms": 2.0, "peer": "torch.aminmax", "peer_ms": 5.0, "ratio": 2.5,
                           "limit_ms": 1.5, "of_limit": 0.75},
    "alone": {"ours_ms": 0.0012345, "peer": null, "peer_ms": null, "ratio": null, "limit_ms": null,
              "of_limit": null}})"));
}

TEST(Report, SaysWhatMemoryIsNeeded) {
  std::ostringstream out;
  bench::Report report(out);
  bench::Result result = complete();
  result.memory = bench::PeakMemory{3 << 19, 5 << 20};
  report.add(result);
  EXPECT_NE(out.str().find("peak memory of minmax/tensor/DRAM: ours 1.5 MiB, peer 5.0 MiB\n"),
            std::string::npos);
  const nlohmann::json row = nlohmann::json::parse(report.json())["minmax/tensor/DRAM"];
  EXPECT_EQ(row["ours_mib"], 1.5);
  EXPECT_EQ(row["peer_mib"], 5.0);
}

TEST(Report, CountsWrongAnswers) {
  std::ostringstream out;
  bench::Report report(out);
  report.add(complete());
  EXPECT_EQ(report.wrong_answers(), 0);
  report.add(wrong());
  EXPECT_EQ(report.wrong_answers(), 1);
}

}  // namespace
