#include <ATen/Parallel.h>
#include <ATen/TensorIterator.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "dispatch/registry.h"
#include "fastforward/dispatch/integer_guard.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "integer/builtin.h"
#include "integer/code_memory.h"
#include "integer/grid.h"
#include "kernels/table.h"
#include "quantization/cpu_memory.h"

// Sums, differences and products of two tensors in codes, with broadcasting.
namespace ff::integer {
namespace {

using dispatch::OperatorCall;
using dispatch::RunOrReason;
using dispatch::wanted_output;
using Kernel = decltype(kernels::ArithmeticEntries::add_codes);

kernels::Combination grids_of(const Grid& a, const Grid& b, const Grid& output, bool subtract) {
  return {a.scale,
          static_cast<float>(a.zero),
          subtract ? -b.scale : b.scale,
          static_cast<float>(b.zero),
          output.scale,
          static_cast<float>(output.zero),
          static_cast<float>(output.low),
          static_cast<float>(output.high)};
}

// Codes that lie together, copied where they do not.
class Together {
 public:
  static constexpr int64_t kBlock = 512;

  // At most kBlock where the stride is not 1.
  const int8_t* take(const char* from, int64_t stride, int64_t n) {
    if (stride == 1)
      return reinterpret_cast<const int8_t*>(from);
    if (stride == 0) {
      std::memset(block_.data(), *from, static_cast<size_t>(n));
      return block_.data();
    }
    for (int64_t i = 0; i < n; ++i)
      block_[static_cast<size_t>(i)] = static_cast<int8_t>(from[i * stride]);
    return block_.data();
  }

 private:
  std::array<int8_t, kBlock> block_;
};

// Both lie in memory in the same order, without gaps.
at::Tensor combine_dense(const at::Tensor& a, const at::Tensor& b, Kernel kernel,
                         const kernels::Combination& grids) {
  const at::Tensor results = empty_codes(a.sizes(), a.strides());
  const auto *first = a.const_data_ptr<int8_t>(), *second = b.const_data_ptr<int8_t>();
  auto* to = results.mutable_data_ptr<int8_t>();
  at::parallel_for(0, a.numel(), at::internal::GRAIN_SIZE, [&](int64_t begin, int64_t end) {
    kernel(first + begin, second + begin, to + begin, end - begin, grids);
  });
  return results;
}

at::Tensor combine(const at::Tensor& a, const at::Tensor& b, Kernel kernel,
                   const kernels::Combination& grids) {
  if (a.sizes() == b.sizes() && a.strides() == b.strides() && a.is_non_overlapping_and_dense())
    return combine_dense(a, b, kernel, grids);
  at::TensorIterator iterator = at::TensorIteratorConfig()
                                    .add_owned_output(at::Tensor())
                                    .add_owned_const_input(a)
                                    .add_owned_const_input(b)
                                    .build();
  iterator.for_each([&](char** data, const int64_t* strides, int64_t n) {
    if (strides[0] == 1 && strides[1] == 1 && strides[2] == 1) {
      kernel(reinterpret_cast<const int8_t*>(data[1]), reinterpret_cast<const int8_t*>(data[2]),
             reinterpret_cast<int8_t*>(data[0]), n, grids);
      return;
    }
    Together first, second;
    std::array<int8_t, Together::kBlock> results;
    for (int64_t begin = 0; begin < n; begin += Together::kBlock) {
      const int64_t count = std::min(Together::kBlock, n - begin);
      kernel(first.take(data[1] + begin * strides[1], strides[1], count),
             second.take(data[2] + begin * strides[2], strides[2], count), results.data(), count,
             grids);
      char* to = data[0] + begin * strides[0];
      for (int64_t i = 0; i < count; ++i)
        to[i * strides[0]] = static_cast<char>(results[static_cast<size_t>(i)]);
    }
  });
  return iterator.output();
}

RunOrReason prepare(const OperatorCall& call, Kernel kernel, bool subtract) {
  if (!integers_enabled())
    return {nullptr, kIntegersAreOff};
  std::array<GridOrReason, 2> grids;
  for (size_t i = 0; i < 2; ++i) {
    const std::string& name = call.schema().arguments()[i].name();
    if (!call[i].isTensor() || !is_quantized(call[i].toTensor()))
      return {nullptr, "its operand '" + name + "' is not quantized"};
    grids[i] = grid_of(call[i].toTensor());
    if (!grids[i].grid.has_value())
      return {nullptr, "its operand '" + name + "': " + grids[i].why_not};
  }
  const auto alpha = call.schema().argumentIndexWithName("alpha");
  if (alpha.has_value() && call[*alpha].toScalar().toDouble() != 1)
    return {nullptr, c10::str("its factor alpha is ", call[*alpha].toScalar().toDouble(),
                              ", and integers take 1")};
  const std::optional<Grid> output = grid_of(wanted_output());
  if (!output.has_value())
    return {nullptr, kNoOutputGrid};
  return {
      [=, a = call[0].toTensor(), b = call[1].toTensor(), function = *wanted_output().function,
       combination = grids_of(*grids[0].grid, *grids[1].grid, *output, subtract)]() -> c10::IValue {
        return function.attach(combine(codes(a), codes(b), kernel, combination), at::kFloat);
      },
      ""};
}

void add(const char* name, Kernel kernels::ArithmeticEntries::*kernel, bool subtract) {
  dispatch::register_prepared(name, "arithmetic of codes", [=](const OperatorCall& call) {
    return prepare(call, kernel_table().arithmetic.*kernel, subtract);
  });
}

}  // namespace

void register_arithmetic() {
  add("aten::add.Tensor", &kernels::ArithmeticEntries::add_codes, false);
  for (const char* name : {"aten::sub.Tensor", "aten::subtract.Tensor"})
    add(name, &kernels::ArithmeticEntries::add_codes, true);
  for (const char* name : {"aten::mul.Tensor", "aten::multiply.Tensor"})
    add(name, &kernels::ArithmeticEntries::multiply_codes, false);
}

}  // namespace ff::integer
