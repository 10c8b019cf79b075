// Quantizes the sentence encoder all-MiniLM-L6-v2, a torch::nn module, without touching it, and
// says what each choice of bits costs on two tasks. `make models` gets the network and the texts.

#include <torch/torch.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <fastforward/fastforward.h>

#include "networks/figure_table.h"
#include "networks/sentences.h"

namespace {

namespace fs = std::filesystem;
namespace rs = ff::range_setting;

struct Arguments {
  fs::path json;
  fs::path coverage;
  int threads = 0;
};

class Experiment {
 public:
  explicit Experiment(const Arguments& arguments)
      : arguments_(arguments),
        encoder_(networks::load_minilm()),
        sentences_(networks::load_sentences()) {
    // Texts that no figure is measured on would be better; 64 of the definitions are few of 1400.
    for (const networks::TokenBatch& batch : networks::batches(sentences_.definitions, 16)) {
      if (calibration_.size() < 32 && calibration_.size() % 2 == 0)
        calibration_.push_back({batch.ids, batch.mask});
    }
    for (const networks::TokenBatch& batch : networks::batches(sentences_.fortunes, 16))
      calibration_.push_back({batch.ids, batch.mask});
    add("float",
        networks::evaluate([&](const torch::Tensor& ids,
                               const torch::Tensor& mask) { return encoder_(ids, mask); },
                           sentences_),
        0);
  }

  ff::QuantizedModel row(const std::string& name, const ff::QuantizationConfig& config,
                         const std::shared_ptr<rs::RangeEstimator>& estimator = nullptr) {
    const auto begin = std::chrono::steady_clock::now();
    ff::QuantizedModel quantized = ff::autoquantize(encoder_, calibration_[0], config);
    ff::calibrate(quantized, ff::Examples(calibration_),
                  {.estimator = estimator, .progress = ff::progress_bar(name)});
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    add(name,
        networks::evaluate([&](const torch::Tensor& ids,
                               const torch::Tensor& mask) { return quantized(ids, mask); },
                           sentences_),
        seconds.count());
    return quantized;
  }

  void finish(ff::QuantizedModel& quantized) {
    std::cout << "\n" << table_ << std::flush;
    if (!arguments_.coverage.empty())
      std::ofstream(arguments_.coverage) << quantized->coverage();
    if (!arguments_.json.empty())
      ff::storage::write_file_atomically(arguments_.json,
                                         [&](std::ostream& out) { out << table_.json(); });
  }

 private:
  void add(const std::string& name, const networks::EncoderFigures& figures, double seconds) {
    table_.add(name, {{"R@1", figures.recall_at_1},
                      {"MRR", figures.mean_reciprocal_rank},
                      {"5-NN", figures.nearest_neighbours},
                      {"cosine", figures.mean_cosine},
                      {"SQNR dB", figures.sqnr},
                      {"seconds", seconds}});
  }

  const Arguments& arguments_;
  networks::SentenceEncoder encoder_;
  networks::Sentences sentences_;
  std::vector<ff::Inputs> calibration_;
  networks::FigureTable table_;
};

// The embeddings of words stay float: the figures are those of the encoder's linear maps.
ff::QuantizationConfig encoder_only(ff::QuantizationConfig config) {
  return config.leave_float("embeddings/**");
}

void run(const Arguments& arguments) {
  using ff::presets::with_bits;
  Experiment experiment(arguments);
  const auto weights = [](int64_t bits, bool per_channel) {
    return encoder_only(
        with_bits({.weight_bits = bits, .activation_bits = 0, .per_channel = per_channel}));
  };
  experiment.row("W8 per channel", weights(8, true));
  experiment.row("W8 per tensor", weights(8, false));
  experiment.row("W4 per channel", weights(4, true));
  experiment.row("W4 per tensor", weights(4, false));
  ff::QuantizedModel quantized = experiment.row("W8A8 min-max", encoder_only(ff::presets::w8a8()));
  experiment.row("W8A8 mse_grid", encoder_only(ff::presets::w8a8()),
                 rs::mse_grid({.search_grid_generator = rs::uniform_search_grid(0.0, 1.0)}));
  experiment.row("W8A8 per token", encoder_only(ff::presets::w8a8_per_token()));
  experiment.finish(quantized);
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("all-MiniLM-L6-v2: quantize a model without touching it");
  app.add_option("--threads", arguments.threads, "0: LibTorch's choice")->capture_default_str();
  app.add_option("--json", arguments.json, "write the table to this file as well");
  app.add_option("--coverage", arguments.coverage, "write what is quantized in W8A8 to this file");
  CLI11_PARSE(app, argc, argv);
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
