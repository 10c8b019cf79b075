#pragma once

#include <sstream>
#include <string>

#include "fastforward/quantization/affine_range.h"
#include "quantization/check.h"

namespace ff::nn {

/// What LinearQuantizerOptions and DynamicLinearQuantizerOptions have both. `name` is that of the
/// quantizer.
template <typename Options>
void check_linear_options(const std::string& name, const Options& options) {
  check::num_bits(name, options.num_bits());
  if (options.quantized_dtype().has_value())
    check::codes_dtype(name, options.num_bits(), *options.quantized_dtype());
}

/// The options as parameters_for_range takes them.
template <typename Options>
RangeOptions range_options(const Options& options) {
  return {.symmetric = options.symmetric(),
          .allow_one_sided = options.allow_one_sided(),
          .one_sided_per_tile = options.one_sided_per_tile()};
}

/// The options in one line, for extra_repr().
template <typename Options>
std::string linear_options_repr(const Options& options) {
  std::ostringstream stream;
  stream << std::boolalpha << "num_bits=" << options.num_bits()
         << ", symmetric=" << options.symmetric()
         << ", allow_one_sided=" << options.allow_one_sided()
         << ", granularity=" << options.granularity();
  if (options.one_sided_per_tile())
    stream << ", one_sided_per_tile=true";
  if (options.quantized_dtype().has_value())
    stream << ", quantized_dtype=" << *options.quantized_dtype();
  return stream.str();
}

}  // namespace ff::nn
