// Quantizes EfficientNet-Lite0, as a torch::nn module or as a TorchScript file, without touching
// it, and says what each choice of bits costs on 200 crops of ImageNet photos. `make models` gets
// the network and the crops.

#include <torch/script.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <sstream>

#include <fastforward/fastforward.h>

#include "networks/figure_table.h"
#include "networks/imagenet_crops.h"
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

// The row that --coverage and --sensitivity look into.
constexpr const char* kDetailed = "W8A8 min-max";

// Candidates need no margin beyond the data's own range: activations are several units wide.
std::shared_ptr<rs::RangeEstimator> mse_grid() {
  return rs::mse_grid({.search_grid_generator = rs::uniform_search_grid(0.0, 1.0)});
}

std::vector<Row> all_rows() {
  const auto weights = [](int64_t bits, bool per_channel) {
    return ff::presets::with_bits(
        {.weight_bits = bits, .activation_bits = 0, .per_channel = per_channel});
  };
  return {{"W8 per channel", weights(8, true)}, {"W8 per tensor", weights(8, false)},
          {"W6 per channel", weights(6, true)}, {"W6 per tensor", weights(6, false)},
          {"W4 per channel", weights(4, true)}, {"W4 per tensor", weights(4, false)},
          {kDetailed, ff::presets::w8a8()},     {"W8A8 mse_grid", ff::presets::w8a8(), mse_grid()}};
}

struct Arguments {
  std::string form = "module";
  std::vector<std::string> rows;
  fs::path json;
  fs::path coverage;
  int threads = 0;
  bool sensitivity = false;

  bool wants(const std::string& row) const {
    return rows.empty() || std::find(rows.begin(), rows.end(), row) != rows.end();
  }
};

ff::FloatModel load(const std::string& form) {
  if (form == "module")
    return networks::load_efficientnet_lite0();
  torch::jit::Module traced =
      torch::jit::load(networks::traced_efficientnet_lite0(form == "dynamic_padding").string());
  traced.eval();
  return traced;
}

// The network, its data and the table that grows.
class Experiment {
 public:
  explicit Experiment(const Arguments& arguments)
      : arguments_(arguments),
        model_(load(arguments.form)),
        crops_(networks::load_imagenet_crops()),
        calibration_(networks::batches(crops_.calibration, 10)) {
    // Python's logits have its own rounding; what counts here is the difference to this float
    // model.
    const networks::Classifier classifier = [&](const torch::Tensor& images) {
      return model_.forward({images}).toTensor();
    };
    crops_.logits = networks::classify(classifier, crops_.images);
    add("float", networks::evaluate(classifier, crops_), 0, 0);
  }

  void measure(const Row& row) {
    const auto begin = std::chrono::steady_clock::now();
    ff::QuantizedModel quantized = ff::autoquantize(model_, calibration_[0], row.config);
    ff::calibrate(quantized, calibration_,
                  {.estimator = row.estimator, .progress = ff::progress_bar(row.name)});
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    add(row.name,
        networks::evaluate([&](const torch::Tensor& images) { return quantized(images); }, crops_),
        ff::nn::named_quantizers(quantized).size(), seconds.count());
    if (row.name == kDetailed)
      show_details(quantized);
  }

  void finish() const {
    std::cout << "\n" << table_ << details_.str() << std::flush;
    if (!arguments_.json.empty())
      ff::storage::write_file_atomically(arguments_.json,
                                         [&](std::ostream& out) { out << table_.json(); });
  }

 private:
  void show_details(ff::QuantizedModel& quantized) {
    if (!arguments_.coverage.empty())
      ff::storage::write_file_atomically(arguments_.coverage,
                                         [&](std::ostream& out) { out << quantized->coverage(); });
    if (arguments_.sensitivity)
      details_ << "\n"
               << ff::sensitivity(quantized, calibration_[0], ff::sqnr,
                                  {.progress = ff::progress_bar("sensitivity")});
  }

  void add(const std::string& name, const networks::ClassifierFigures& figures, size_t quantizers,
           double seconds) {
    table_.add(name, {{"top-1", figures.top1, 3},
                      {"agreement", figures.agreement, 3},
                      {"SQNR dB", figures.sqnr, 1},
                      {"quantizers", static_cast<double>(quantizers), 0},
                      {"seconds", seconds, 1}});
  }

  const Arguments& arguments_;
  ff::FloatModel model_;
  networks::ImageNetCrops crops_;
  std::vector<torch::Tensor> calibration_;
  networks::FigureTable table_;
  std::ostringstream details_;
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
  app.add_option("--form", arguments.form, "module, traced, dynamic_padding: how it is written")
      ->check(CLI::IsMember({"module", "traced", "dynamic_padding"}))
      ->capture_default_str();
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
  app.add_flag("--sensitivity", arguments.sensitivity,
               "say what each quantizer of 'W8A8 min-max' costs");
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("EfficientNet-Lite0: quantize a model without touching it");
  add_options(app, arguments);
  CLI11_PARSE(app, argc, argv);
  if ((arguments.sensitivity || !arguments.coverage.empty()) && !arguments.wants(kDetailed)) {
    std::cerr << "efficientnet_lite0: --sensitivity and --coverage need the row '" << kDetailed
              << "'; add it to --rows\n";
    return 1;
  }
  if (arguments.threads > 0)
    torch::set_num_threads(arguments.threads);
  try {
    run(arguments);
  } catch (const c10::Error& error) {
    std::cerr << "efficientnet_lite0: " << error.msg() << "\n";
    return 1;
  } catch (const std::exception& error) {
    std::cerr << "efficientnet_lite0: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
