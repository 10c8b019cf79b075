#include <utility>

#include "quantization/affine_grid.h"
#include "quantization/cpu_memory.h"
#include "quantization/grid_memory.h"

namespace ff {
namespace {

using kernels::Arithmetic;
using kernels::Panel;

// Memory for a result that lies as `in` does: `out` itself where it does.
struct Result {
  at::Tensor memory;
  // Fresh pages are in the caches, since the system has just filled them with zeros.
  bool stream;

  Result(const at::Tensor& in, const at::Tensor& out, at::ScalarType dtype) {
    const bool fits =
        out.defined() && out.strides() == in.strides() && out.is_non_overlapping_and_dense();
    memory = fits ? out : fresh_like(in, dtype);
    stream = fits && is_streamed(out);
  }

  at::Tensor deliver_to(const at::Tensor& out) const {
    if (!out.defined() || out.is_same(memory))
      return memory;
    return out.copy_(memory);
  }
};

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
void dequantize(const at::Tensor& codes, const Result& values, const AffineGrid& grid) {
  using P = Arithmetic<T>;
  const auto& entries = kernels::entries<T>(kernel_table());
  T* out = mutable_numbers_of<T>(values.memory);
  const auto all = [&](const auto* in, auto kernel) {
    run<P>(codes, grid, [&](int64_t at, const Panel& panel, const P* scale, const P* z) {
      kernel(in + at, out + at, panel, scale, z, values.stream);
    });
  };
  if (codes.scalar_type() == at::kChar) {
    all(codes.const_data_ptr<int8_t>(), entries.dequantize_int8);
  } else {
    all(codes.const_data_ptr<int16_t>(), entries.dequantize_int16);
  }
}

template <typename T>
void fake_quantize(const at::Tensor& data, const Result& values, const AffineGrid& grid) {
  using P = Arithmetic<T>;
  const auto kernel = kernels::entries<T>(kernel_table()).fake_quantize;
  const T* in = numbers_of<T>(data);
  T* out = mutable_numbers_of<T>(values.memory);
  const P low = static_cast<P>(grid.low), high = static_cast<P>(grid.high);
  run<P>(data, grid, [&](int64_t at, const Panel& panel, const P* scale, const P* z) {
    kernel(in + at, out + at, panel, scale, z, low, high, values.stream);
  });
}

}  // namespace

at::Tensor quantize_cpu(const at::Tensor& data, const AffineGrid& grid, const at::Tensor& out) {
  const at::Tensor in = dense(data);
  const Result codes(in, out, codes_type(grid.num_bits));
  with_number_type(in.scalar_type(),
                   [&](auto number) { quantize<decltype(number)>(in, codes.memory, grid); });
  return codes.deliver_to(out);
}

at::Tensor dequantize_cpu(const at::Tensor& codes, const AffineGrid& grid, at::ScalarType dtype,
                          const at::Tensor& out) {
  if (codes.scalar_type() != at::kChar && codes.scalar_type() != at::kShort) {
    // From elsewhere: 16 bits may not hold them.
    const at::Tensor values = dequantize_aten(codes, grid, dtype);
    return out.defined() ? out.copy_(values) : values;
  }
  const at::Tensor in = dense(codes);
  const Result values(in, out, dtype);
  with_number_type(dtype, [&](auto number) { dequantize<decltype(number)>(in, values, grid); });
  return values.deliver_to(out);
}

at::Tensor fake_quantize_cpu(const at::Tensor& data, const AffineGrid& grid,
                             const at::Tensor& out) {
  const at::Tensor in = dense(data);
  const Result values(in, out, in.scalar_type());
  with_number_type(in.scalar_type(),
                   [&](auto number) { fake_quantize<decltype(number)>(in, values, grid); });
  return values.deliver_to(out);
}

}  // namespace ff
