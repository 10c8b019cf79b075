#pragma once

#include <vector>

#include "benchmark.h"
#include "sizes.h"

namespace bench {

/// Data to values on the grid in one pass.
std::vector<Benchmark> fake_quantize(const Sizes& sizes);
/// Data to int8 codes, and back.
std::vector<Benchmark> int8_codes(const Sizes& sizes);
/// Gradients of data, scale and offset.
std::vector<Benchmark> fake_quantize_backward(const Sizes& sizes);
/// Forward and backward through a LinearQuantizer.
std::vector<Benchmark> train_step(const Sizes& sizes);
/// The range of each tile.
std::vector<Benchmark> minmax(const Sizes& sizes);
/// The best of 100 ranges.
std::vector<Benchmark> mse_grid(const Sizes& sizes);
/// What a call costs besides the work.
std::vector<Benchmark> quantizer_call();
/// Opening and reading a file of weights; nothing where `make models` was not run.
std::vector<Benchmark> storage();
/// A whole model with quantizers against the same in float; little where `make models` was not run.
std::vector<Benchmark> model(const Sizes& sizes);
/// Layers in integers against the same in float.
std::vector<Benchmark> integer(const Sizes& sizes);
/// The depthwise convolutions of a network against LibTorch's on int8 codes.
std::vector<Benchmark> integer_depthwise(const Sizes& sizes);
/// Whole models in integers against the same in float; little where `make models` was not run.
std::vector<Benchmark> integer_model(const Sizes& sizes);
/// Two threads against one.
std::vector<Benchmark> threads(const Sizes& sizes);

/// All of them, in the order of docs/performance.md.
std::vector<Benchmark> all_benchmarks(const Sizes& sizes);

}  // namespace bench
