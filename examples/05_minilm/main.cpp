// Quantizes the sentence encoder all-MiniLM-L6-v2, a torch::nn module, without touching it, and
// says what each choice of bits costs on two tasks. `make models` gets the network and the texts.

#include <torch/torch.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>

#include <fastforward/fastforward.h>

#include "networks/figure_table.h"
#include "networks/sentences.h"
#include "output_file.h"

namespace {

namespace fs = std::filesystem;
namespace rs = ff::range_setting;

// What is measured: a name, where quantizers go, and what sets the ranges of activations.
struct Row {
  std::string name;
  ff::QuantizationConfig config;
  std::shared_ptr<rs::RangeEstimator> estimator = nullptr;
};

// The row that --coverage looks into.
constexpr const char* kDetailed = "W8A8 min-max";

// Embeddings stay float: the figures are those of the encoder's linear maps.
ff::QuantizationConfig encoder_only(ff::QuantizationConfig config) {
  return config.leave_float("embeddings/**/[qtag:parameter/weight]");
}

std::vector<Row> all_rows() {
  const auto weights = [](int64_t bits, bool per_channel) {
    return encoder_only(ff::presets::with_bits(
        {.weight_bits = bits, .activation_bits = 0, .per_channel = per_channel}));
  };
  return {{"W8 per channel", weights(8, true)},
          {"W8 per tensor", weights(8, false)},
          {"W4 per channel", weights(4, true)},
          {"W4 per tensor", weights(4, false)},
          {kDetailed, encoder_only(ff::presets::w8a8())},
          {"W8A8 mse_grid", encoder_only(ff::presets::w8a8()),
           rs::mse_grid({.search_grid_generator = rs::uniform_search_grid(0.0, 1.0)})},
          {"W8A8 per token", encoder_only(ff::presets::w8a8_per_token())}};
}

struct Arguments {
  std::vector<std::string> rows;
  fs::path json;
  fs::path coverage;
  int threads = 0;

  bool wants(const std::string& row) const {
    return rows.empty() || std::find(rows.begin(), rows.end(), row) != rows.end();
  }
};

// Short and long texts of each kind, 192 of the 1400 that are measured.
std::vector<ff::Inputs> calibration_batches(const networks::Sentences& sentences) {
  constexpr size_t kStep = 8;
  std::vector<ff::Inputs> chosen;
  for (const networks::Texts* texts :
       {&sentences.definitions, &sentences.words, &sentences.fortunes}) {
    const std::vector<networks::TokenBatch> batches = networks::batches(*texts, 16);
    for (size_t i = 0; i < batches.size(); i += kStep)
      chosen.push_back({batches[i].ids, batches[i].mask});
  }
  return chosen;
}

// The network, its data and the table that grows.
class Experiment {
 public:
  explicit Experiment(const Arguments& arguments)
      : arguments_(arguments),
        encoder_(networks::load_minilm()),
        sentences_(networks::load_sentences()),
        calibration_(calibration_batches(sentences_)) {
    add("float",
        networks::evaluate([&](const torch::Tensor& ids,
                               const torch::Tensor& mask) { return encoder_(ids, mask); },
                           sentences_),
        0, 0);
  }

  void measure(const Row& row) {
    const auto begin = std::chrono::steady_clock::now();
    ff::QuantizedModel quantized = ff::autoquantize(encoder_, calibration_[0], row.config);
    ff::calibrate(quantized, ff::Examples(calibration_),
                  {.estimator = row.estimator, .progress = ff::progress_bar(row.name)});
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    add(row.name,
        networks::evaluate([&](const torch::Tensor& ids,
                               const torch::Tensor& mask) { return quantized(ids, mask); },
                           sentences_),
        ff::nn::named_quantizers(quantized).size(), seconds.count());
    if (row.name == kDetailed && !arguments_.coverage.empty())
      ff::storage::write_file_atomically(arguments_.coverage,
                                         [&](std::ostream& out) { out << quantized->coverage(); });
  }

  void finish() const {
    std::cout << "\n" << table_ << std::flush;
    if (!arguments_.json.empty())
      ff::storage::write_file_atomically(arguments_.json,
                                         [&](std::ostream& out) { out << table_.json(); });
  }

 private:
  void add(const std::string& name, const networks::EncoderFigures& figures, size_t quantizers,
           double seconds) {
    table_.add(name, {{"R@1", figures.recall_at_1, 3},
                      {"MRR", figures.mean_reciprocal_rank, 3},
                      {"5-NN", figures.nearest_neighbours, 3},
                      {"cosine", figures.mean_cosine, 4},
                      {"SQNR dB", figures.sqnr, 1},
                      {"quantizers", static_cast<double>(quantizers), 0},
                      {"seconds", seconds, 1}});
  }

  const Arguments& arguments_;
  networks::SentenceEncoder encoder_;
  networks::Sentences sentences_;
  std::vector<ff::Inputs> calibration_;
  networks::FigureTable table_;
};

void run(const Arguments& arguments) {
  Experiment experiment(arguments);
  for (const Row& row : all_rows()) {
    if (arguments.wants(row.name))
      experiment.measure(row);
  }
  experiment.finish();
}

void add_options(CLI::App& app, Arguments& arguments) {
  std::vector<std::string> names;
  for (const Row& row : all_rows())
    names.push_back(row.name);
  app.add_option("--rows", arguments.rows, "the rows to measure, by name; all without it")
      ->delimiter(',')
      ->check(CLI::IsMember(names));
  app.add_option("--threads", arguments.threads, "0: LibTorch's choice")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("--json", arguments.json, "write the table to this file as well")
      ->check(check_output_file);
  app.add_option("--coverage", arguments.coverage,
                 "write what is quantized in 'W8A8 min-max' to this file")
      ->check(check_output_file);
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("all-MiniLM-L6-v2: quantize a model without touching it");
  add_options(app, arguments);
  CLI11_PARSE(app, argc, argv);
  if (!arguments.coverage.empty() && !arguments.wants(kDetailed)) {
    std::cerr << "minilm: --coverage needs the row '" << kDetailed << "'; add it to --rows\n";
    return 1;
  }
  if (arguments.threads > 0)
    torch::set_num_threads(arguments.threads);
  try {
    run(arguments);
  } catch (const c10::Error& error) {
    std::cerr << "minilm: " << error.msg() << "\n";
    return 1;
  } catch (const std::exception& error) {
    std::cerr << "minilm: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
