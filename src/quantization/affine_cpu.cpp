#include <utility>

#include "quantization/affine_grid.h"
#include "quantization/cpu_memory.h"
#include "quantization/grid_memory.h"

namespace ff {
namespace {

using kernels::Arithmetic;
using kernels::Panel;

// Memory for a result that lies as `in` does: `out` itself where it does.
at::Tensor result_memory(const at::Tensor& in, const at::Tensor& out, at::ScalarType dtype) {
  if (out.defined() && out.strides() == in.strides() && out.is_non_overlapping_and_dense())
    return out;
  return fresh_like(in, dtype);
}

at::Tensor deliver(const at::Tensor& result, const at::Tensor& out) {
  if (!out.defined() || out.is_same(result))
    return result;
  return out.copy_(result);
}

// Calls kernel(offset, panel, scale, z) on all of the memory.
template <typename P, typename Kernel>
void run(const at::Tensor& memory, const AffineGrid& grid, const Kernel& kernel) {
  const GridMemory<P> parameters(grid);
  const P *scale = parameters.scale(), *z = parameters.z();
  for_each_panel(memory, grid.granularity,
                 [&](const Panel& panel, int64_t offset, int64_t parameter) {
                   kernel(offset, panel, scale + parameter, z + parameter);
                 });
}

template <typename T>
void quantize(const at::Tensor& data, const at::Tensor& codes, const AffineGrid& grid) {
  using P = Arithmetic<T>;
  const auto& entries = kernels::entries<T>(kernel_table());
  const T* in = numbers_of<T>(data);
  const P low = static_cast<P>(grid.low), high = static_cast<P>(grid.high);
  const auto all = [&](auto* out, auto kernel) {
    run<P>(data, grid, [&](int64_t at, const Panel& panel, const P* scale, const P* z) {
      kernel(in + at, out + at, panel, scale, z, low, high);
    });
  };
  if (codes.scalar_type() == at::kChar) {
    all(codes.mutable_data_ptr<int8_t>(), entries.quantize_int8);
  } else {
    all(codes.mutable_data_ptr<int16_t>(), entries.quantize_int16);
  }
}

template <typename T>
void dequantize(const at::Tensor& codes, const at::Tensor& values, const AffineGrid& grid) {
  using P = Arithmetic<T>;
  const auto& entries = kernels::entries<T>(kernel_table());
  T* out = mutable_numbers_of<T>(values);
  const bool stream = is_streamed(values);
  const auto all = [&](const auto* in, auto kernel) {
    run<P>(codes, grid, [&](int64_t at, const Panel& panel, const P* scale, const P* z) {
      kernel(in + at, out + at, panel, scale, z, stream);
    });
  };
  if (codes.scalar_type() == at::kChar) {
    all(codes.const_data_ptr<int8_t>(), entries.dequantize_int8);
  } else {
    all(codes.const_data_ptr<int16_t>(), entries.dequantize_int16);
  }
}

template <typename T>
void fake_quantize(const at::Tensor& data, const at::Tensor& values, const AffineGrid& grid) {
  using P = Arithmetic<T>;
  const auto kernel = kernels::entries<T>(kernel_table()).fake_quantize;
  const T* in = numbers_of<T>(data);
  T* out = mutable_numbers_of<T>(values);
  const P low = static_cast<P>(grid.low), high = static_cast<P>(grid.high);
  const bool stream = is_streamed(values);
  run<P>(data, grid, [&](int64_t at, const Panel& panel, const P* scale, const P* z) {
    kernel(in + at, out + at, panel, scale, z, low, high, stream);
  });
}

}  // namespace

at::Tensor quantize_cpu(const at::Tensor& data, const AffineGrid& grid, at::Tensor out) {
  const at::Tensor in = dense(data);
  at::Tensor codes = result_memory(in, out, codes_type(grid.num_bits));
  with_number_type(in.scalar_type(),
                   [&](auto number) { quantize<decltype(number)>(in, codes, grid); });
  return deliver(codes, out);
}

at::Tensor dequantize_cpu(const at::Tensor& codes, const AffineGrid& grid, at::ScalarType dtype,
                          at::Tensor out) {
  if (codes.scalar_type() != at::kChar && codes.scalar_type() != at::kShort) {
    // From elsewhere: 16 bits may not hold them.
    return deliver(dequantize_aten(codes, grid, dtype), out);
  }
  const at::Tensor in = dense(codes);
  at::Tensor values = result_memory(in, out, dtype);
  with_number_type(dtype, [&](auto number) { dequantize<decltype(number)>(in, values, grid); });
  return deliver(values, out);
}

at::Tensor fake_quantize_cpu(const at::Tensor& data, const AffineGrid& grid, at::Tensor out) {
  const at::Tensor in = dense(data);
  at::Tensor values = result_memory(in, out, in.scalar_type());
  with_number_type(in.scalar_type(),
                   [&](auto number) { fake_quantize<decltype(number)>(in, values, grid); });
  return deliver(values, out);
}

}  // namespace ff
