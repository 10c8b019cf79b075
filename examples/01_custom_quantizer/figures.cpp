#include "figures.h"

#include <fastforward/storage/atomic_file.h>
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

Figures::Figures(int argc, char** argv) {
  CLI::App app("A quantization function and a quantizer of one's own, step by step.");
  app.add_option("--json", path_, "Write the figures to this file as well");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
}

void Figures::add(const std::string& sentence, double value) {
  std::cout << sentence << ": " << value << "\n";
  rows_.emplace_back(sentence, value);
}

void Figures::write() const {
  if (path_.empty())
    return;
  nlohmann::json rows = nlohmann::json::array();
  for (const auto& [name, value] : rows_)
    rows.push_back({{"name", name}, {"value", value}});
  ff::storage::write_file_atomically(path_, [&](std::ostream& out) {
    out << nlohmann::json{{"rows", rows}}.dump(2) << "\n";
  });
}
