// Quantizes EfficientNet-Lite0, as a torch::nn module or as a TorchScript file, without touching
// it, and says what each choice of bits costs on 200 crops of ImageNet photos. `make models` gets
// the network and the crops.

#include <torch/script.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <fastforward/fastforward.h>

#include "networks/figure_table.h"
#include "networks/imagenet_crops.h"

namespace {

namespace fs = std::filesystem;
namespace rs = ff::range_setting;

struct Arguments {
  std::string form = "module";
  fs::path json;
  fs::path coverage;
  int threads = 0;
  bool sensitivity = false;
};

ff::FloatModel load(const std::string& form) {
  if (form == "module")
    return networks::load_efficientnet_lite0();
  torch::jit::Module traced =
      torch::jit::load(networks::traced_efficientnet_lite0(form == "dynamic_padding").string());
  traced.eval();
  return traced;
}

// Ranges of activations by the least squared error. They are several units wide, so candidates need
// no margin beyond the data's own range.
std::shared_ptr<rs::RangeEstimator> mse_grid() {
  return rs::mse_grid({.search_grid_generator = rs::uniform_search_grid(0.0, 1.0)});
}

// What is measured: the network, its data and the table that grows.
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
    add("float", networks::evaluate(classifier, crops_), 0);
  }

  ff::QuantizedModel row(const std::string& name, const ff::QuantizationConfig& config,
                         const std::shared_ptr<rs::RangeEstimator>& estimator = nullptr) {
    const auto begin = std::chrono::steady_clock::now();
    ff::QuantizedModel quantized = ff::autoquantize(model_, calibration_[0], config);
    ff::calibrate(quantized, calibration_,
                  {.estimator = estimator, .progress = ff::progress_bar(name)});
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    add(name,
        networks::evaluate([&](const torch::Tensor& images) { return quantized(images); }, crops_),
        seconds.count());
    return quantized;
  }

  void finish(ff::QuantizedModel& quantized) {
    std::cout << "\n" << table_ << std::flush;
    if (arguments_.sensitivity) {
      std::vector<ff::Inputs> batches = {{calibration_[0]}};
      std::cout << "\n"
                << ff::sensitivity(quantized, ff::Examples(batches), ff::sqnr,
                                   {.progress = ff::progress_bar("sensitivity")});
    }
    if (!arguments_.coverage.empty())
      std::ofstream(arguments_.coverage) << quantized->coverage();
    if (!arguments_.json.empty())
      ff::storage::write_file_atomically(arguments_.json,
                                         [&](std::ostream& out) { out << table_.json(); });
  }

 private:
  void add(const std::string& name, const networks::ClassifierFigures& figures, double seconds) {
    table_.add(name, {{"top-1", figures.top1},
                      {"agreement", figures.agreement},
                      {"SQNR dB", figures.sqnr},
                      {"seconds", seconds}});
  }

  const Arguments& arguments_;
  ff::FloatModel model_;
  networks::ImageNetCrops crops_;
  std::vector<torch::Tensor> calibration_;
  networks::FigureTable table_;
};

void run(const Arguments& arguments) {
  using ff::presets::with_bits;
  Experiment experiment(arguments);
  const auto weights = [](int64_t bits, bool per_channel) {
    return with_bits({.weight_bits = bits, .activation_bits = 0, .per_channel = per_channel});
  };
  experiment.row("W8 per channel", weights(8, true));
  experiment.row("W8 per tensor", weights(8, false));
  experiment.row("W6 per channel", weights(6, true));
  experiment.row("W6 per tensor", weights(6, false));
  experiment.row("W4 per channel", weights(4, true));
  experiment.row("W4 per tensor", weights(4, false));
  ff::QuantizedModel quantized = experiment.row("W8A8 min-max", ff::presets::w8a8());
  experiment.row("W8A8 mse_grid", ff::presets::w8a8(), mse_grid());
  experiment.finish(quantized);
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("EfficientNet-Lite0: quantize a model without touching it");
  app.add_option("--form", arguments.form, "module, traced, dynamic_padding: how it is written")
      ->check(CLI::IsMember({"module", "traced", "dynamic_padding"}))
      ->capture_default_str();
  app.add_option("--threads", arguments.threads, "0: LibTorch's choice")->capture_default_str();
  app.add_option("--json", arguments.json, "write the table to this file as well");
  app.add_option("--coverage", arguments.coverage, "write what is quantized in W8A8 to this file");
  app.add_flag("--sensitivity", arguments.sensitivity, "say what each quantizer of W8A8 costs");
  CLI11_PARSE(app, argc, argv);
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
