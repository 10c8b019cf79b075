#include "quantization/candidate_errors.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/mul.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>
#include <vector>

#include "quantization/cpu_memory.h"
#include "quantization/distribution.h"

namespace ff {
namespace {

// The grids of one tile.
template <typename P>
struct TileGrids {
  std::span<const P> scale, z;
  int64_t num_bits;

  int64_t size() const {
    return static_cast<int64_t>(scale.size());
  }
  P low() const {
    return static_cast<P>(-std::exp2(static_cast<double>(num_bits - 1)));
  }
  P high() const {
    return -low() - 1;
  }
};

template <typename P>
P largest_magnitude(std::span<const P> numbers) {
  P largest = 0;
  kernels::entries<P>(kernel_table())
      .max_abs(numbers.data(), kernels::uniform_panel(std::ssize(numbers)), &largest);
  return largest;
}

// The exponent of the largest magnitude if squares of such data may be no normal floats, else 0.
template <typename P>
int exponent_to_remove(const at::Tensor& rows) {
  const P largest =
      largest_magnitude<P>({rows.const_data_ptr<P>(), static_cast<size_t>(rows.numel())});
  constexpr int kHarmless = 30;
  const int exponent = largest > 0 ? std::ilogb(largest) : 0;
  return std::abs(exponent) > kHarmless ? exponent : 0;
}

// Each grid quantizes each number. At most kSumBlock numbers.
template <typename P>
void errors_by_number(std::span<const P> numbers, const TileGrids<P>& grids, double* errors) {
  kernels::entries<P>(kernel_table())
      .squared_errors(numbers.data(), std::ssize(numbers), grids.size(), grids.scale.data(),
                      grids.z.data(), grids.low(), grids.high(), errors);
}

template <typename P>
std::span<const P> of_next_block(std::span<const P> numbers) {
  return numbers.first(std::min<size_t>(numbers.size(), kernels::kSumBlock));
}

// The error of one grid, from the moments of the numbers nearest to each code.
//
// With c the integer nearest to a code's value v, and f = v - c, the sum over its numbers y is
// sum (y - v)^2 = sum y^2 - c (2 sum y - n c) - 2 f (sum y - n c) + n f^2. What is large is integer
// and exact.
template <typename P>
double error_of_grid(const Distribution& numbers, P scale, P z, P low, P high) {
  constexpr double kFarthest = 0x1p21;
  const double unit = numbers.unit();
  int64_t squares = numbers.sum_of_squares();
  double rests = 0;
  Moments before;
  for (P code = low; code <= high; ++code) {
    const double end = (static_cast<double>(code) + static_cast<double>(z) + 0.5) *
                       static_cast<double>(scale) / unit;
    const Moments until = code < high ? numbers.below(end) : numbers.all();
    const int64_t count = until.count - before.count, sum = until.sum - before.sum;
    before = until;
    if (count == 0)
      continue;
    const double value = static_cast<double>((code + z) * scale) / unit;
    const auto c = std::llrint(std::clamp(value, -kFarthest, kFarthest));
    const double f = value - static_cast<double>(c);
    squares -= c * (2 * sum - count * c);
    rests += static_cast<double>(count) * f * f - 2 * f * static_cast<double>(sum - count * c);
  }
  return (static_cast<double>(squares) + rests) * unit * unit;
}

// An outlier puts nearly all numbers into few groups. If then the steps of many grids are small, as
// only search grids of the user's own have them, most numbers are looked at for most codes.
template <typename P>
bool is_concentrated(const Distribution& distribution, const TileGrids<P>& grids) {
  double looked_at = 0;
  for (const P scale : grids.scale)
    looked_at += distribution.steps(static_cast<double>(scale) / distribution.unit());
  return looked_at > static_cast<double>(distribution.all().count * grids.size());
}

// Each grid's errors from the distribution of the numbers. At most Distribution::kCapacity numbers.
template <typename P>
void errors_by_code(std::span<const P> numbers, const TileGrids<P>& grids,
                    Distribution& distribution, double* errors) {
  distribution.assign(numbers, largest_magnitude(numbers));
  if (is_concentrated(distribution, grids)) {
    std::fill_n(errors, grids.size(), 0.0);
    std::vector<double> of_block(grids.size());
    for (; !numbers.empty(); numbers = numbers.subspan(of_next_block(numbers).size())) {
      errors_by_number(of_next_block(numbers), grids, of_block.data());
      std::transform(of_block.begin(), of_block.end(), errors, errors, std::plus<>());
    }
    return;
  }
  for (int64_t c = 0; c < grids.size(); ++c) {
    errors[c] = error_of_grid(distribution, grids.scale[c], grids.z[c], grids.low(), grids.high());
  }
}

template <typename P>
void sum_errors(const at::Tensor& rows, const CandidateGrids& grids, at::Tensor& errors) {
  const int64_t tiles = rows.size(0), columns = rows.size(1), candidates = grids.scale.size(1);
  const bool by_code = has_errors_by_code(columns, candidates, grids.num_bits);
  const int64_t most = by_code ? Distribution::kCapacity : kernels::kSumBlock;
  const int64_t blocks = (columns + most - 1) / most;
  const P* data = rows.const_data_ptr<P>();
  const auto of_tile = [&](const at::Tensor& parameters, int64_t tile) {
    return std::span(parameters.const_data_ptr<P>() + tile * candidates,
                     static_cast<size_t>(candidates));
  };
  std::vector<double> sums(tiles * blocks * candidates);
  const int64_t work = std::clamp<int64_t>(columns, 1, most) * candidates;
  parallel_blocks(tiles * blocks, std::max<int64_t>(1, kBlockElements / work),
                  [&](int64_t begin, int64_t end) {
                    Distribution distribution(kernel_table());
                    for (int64_t task = begin; task < end; ++task) {
                      const int64_t tile = task / blocks, first = task % blocks * most;
                      const std::span numbers(data + tile * columns + first,
                                              static_cast<size_t>(std::min(most, columns - first)));
                      const TileGrids<P> own{of_tile(grids.scale, tile), of_tile(grids.z, tile),
                                             grids.num_bits};
                      if (by_code)
                        errors_by_code(numbers, own, distribution, &sums[task * candidates]);
                      else
                        errors_by_number(numbers, own, &sums[task * candidates]);
                    }
                  });
  double* result = errors.mutable_data_ptr<double>();
  for (int64_t tile = 0; tile < tiles; ++tile) {
    for (int64_t c = 0; c < candidates; ++c) {
      double sum = 0;
      for (int64_t block = 0; block < blocks; ++block)
        sum += sums[(tile * blocks + block) * candidates + c];
      result[c * tiles + tile] = sum / static_cast<double>(columns);
    }
  }
}

template <typename P>
at::Tensor errors_of(const at::Tensor& rows, const CandidateGrids& grids) {
  at::Tensor errors = at::empty({grids.scale.size(1), rows.size(0)}, at::kDouble);
  const int exponent = exponent_to_remove<P>(rows);
  if (exponent == 0) {
    sum_errors<P>(rows, grids, errors);
    return errors;
  }
  // In two steps: 2^-exponent alone may be no normal number.
  const auto scaled = [&](const at::Tensor& tensor) {
    const int first = exponent / 2;
    return tensor.mul(std::ldexp(1.0, -first)).mul(std::ldexp(1.0, first - exponent));
  };
  sum_errors<P>(scaled(rows), {scaled(grids.scale), grids.z, grids.num_bits}, errors);
  return errors.mul_(std::ldexp(1.0, exponent)).mul_(std::ldexp(1.0, exponent));
}

}  // namespace

bool has_errors_by_code(int64_t elements, int64_t candidates, int64_t num_bits) {
  constexpr int64_t kFewCandidates = 16, kNumbersPerCode = 256;
  return candidates >= kFewCandidates && elements >= kNumbersPerCode << num_bits;
}

at::Tensor candidate_errors(const at::Tensor& rows, const CandidateGrids& grids) {
  return rows.scalar_type() == at::kDouble ? errors_of<double>(rows, grids)
                                           : errors_of<float>(rows, grids);
}

}  // namespace ff
