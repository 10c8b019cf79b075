#include "integer/lookup_table.h"

#include <ATen/Parallel.h>
#include <ATen/ops/arange.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <type_traits>
#include <unordered_map>

#include "dispatch/boxed.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "kernels/table.h"
#include "quantization/cpu_memory.h"

namespace ff::integer {
namespace {

// All that a table depends on, as bytes; false for arguments that cannot be compared.
class Key {
 public:
  bool add(const c10::IValue& value) {
    add_bytes(static_cast<int>(value.isInt() ? 1 : value.isDouble() ? 2 : value.isBool() ? 3 : 4));
    if (value.isInt())
      add_bytes(value.toInt());
    else if (value.isDouble())
      add_bytes(value.toDouble());
    else if (value.isBool())
      add_bytes(value.toBool());
    else if (value.isString())
      bytes_ += value.toStringRef() + '\0';
    else if (value.isTensor() && value.toTensor().defined())
      return add(value.toTensor());
    else
      return value.isNone();
    return true;
  }
  template <typename T>
  void add_bytes(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  std::string take() {
    return std::move(bytes_);
  }

 private:
  bool add(const at::Tensor& number) {
    if (number.dim() != 0 || number.is_complex())
      return false;
    add_bytes(number.scalar_type());
    add_bytes(number.item<double>());
    return true;
  }

  std::string bytes_;
};

std::optional<std::string> key_of(const dispatch::OperatorCall& call, size_t quantized,
                                  const Grid& input, const Grid& output) {
  Key key;
  key.add_bytes(&call.schema());
  key.add_bytes(quantized);
  for (const Grid* grid : {&input, &output}) {
    key.add_bytes(grid->scale);
    key.add_bytes(grid->zero);
    key.add_bytes(grid->low);
    key.add_bytes(grid->high);
  }
  for (size_t i = 0; i < call.arguments().size(); ++i) {
    if (i != quantized && !key.add(call[i]))
      return std::nullopt;
  }
  return key.take();
}

std::shared_ptr<const LookupTable> compute(const dispatch::OperatorCall& call, size_t quantized,
                                           const Grid& output,
                                           const BoundQuantizationFunction& function) {
  constexpr int64_t kLow = -128, kEnd = 128;
  std::vector<c10::IValue> arguments = call.arguments().vec();
  const at::Tensor all = at::arange(kLow, kEnd, at::kChar);
  arguments[quantized] = bound_function(arguments[quantized].toTensor()).dequantize(all);
  const at::Tensor values =
      dispatch::call_operator(call.schema(), std::move(arguments)).toTensor().to(at::kFloat);
  const at::Tensor results = codes(function.quantize(values));
  auto table = std::make_shared<LookupTable>();
  for (size_t i = 0; i < table->size(); ++i) {
    const int32_t code = results.const_data_ptr<int8_t>()[i];
    (*table)[i] = static_cast<int8_t>(std::clamp(code, output.low, output.high));
  }
  return table;
}

// Shared by all threads; emptied when parameters changed so often that it grew large.
struct Tables {
  std::mutex mutex;
  std::unordered_map<std::string, std::shared_ptr<const LookupTable>> by_key;
};

Tables& tables() {
  static auto* all = new Tables;  // not destroyed: threads may still run at the end
  return *all;
}

}  // namespace

std::shared_ptr<const LookupTable> lookup_table(const dispatch::OperatorCall& call,
                                                size_t quantized, const Grid& input,
                                                const Grid& output,
                                                const BoundQuantizationFunction& function) {
  const std::optional<std::string> key = key_of(call, quantized, input, output);
  if (key.has_value()) {
    const std::scoped_lock lock(tables().mutex);
    const auto known = tables().by_key.find(*key);
    if (known != tables().by_key.end())
      return known->second;
  }
  std::shared_ptr<const LookupTable> table = compute(call, quantized, output, function);
  if (key.has_value()) {
    constexpr size_t kMost = 4096;
    const std::scoped_lock lock(tables().mutex);
    if (tables().by_key.size() >= kMost)
      tables().by_key.clear();
    tables().by_key.emplace(*key, table);
  }
  return table;
}

at::Tensor look_up(const at::Tensor& codes, const LookupTable& table) {
  const at::Tensor given = dense(codes);
  at::Tensor results = fresh_like(given, at::kChar);
  const auto* from = given.const_data_ptr<int8_t>();
  auto* to = results.mutable_data_ptr<int8_t>();
  const auto kernel = kernel_table().codes.lookup_int8;
  constexpr int64_t kGrain = 1 << 16;
  at::parallel_for(0, given.numel(), kGrain, [&](int64_t begin, int64_t end) {
    kernel(from + begin, table.data(), to + begin, end - begin);
  });
  return results;
}

}  // namespace ff::integer
