// Mistakes in quantization functions that must not compile: each FF_CASE is one, and the text that
// the compiler gives for it stands in tests/CMakeLists.txt. Case 0 is right.
#include "fastforward/quantization/function.h"

#include <ATen/ops/round.h>

namespace {

struct Right : ff::QuantizationFunction<Right> {
  static at::Tensor quantize(const at::Tensor& data, int64_t, const at::Tensor&,
                             std::optional<double>) noexcept {
    return at::round(data);
  }
  static at::Tensor dequantize(const at::Tensor& codes, int64_t, const at::Tensor&,
                               std::optional<double>) noexcept {
    return codes;
  }
};

#if FF_CASE == 0
void call(const at::Tensor& data) {
  Right::apply(data, 8, data);
  Right::apply(data, short{8}, data, 1);
}
#elif FF_CASE == 1
struct Template : ff::QuantizationFunction<Template> {
  template <typename T>
  static at::Tensor quantize(const at::Tensor& data, T) {
    return data;
  }
  static at::Tensor dequantize(const at::Tensor& codes, int64_t) {
    return codes;
  }
};
void call(const at::Tensor& data) {
  Template::apply(data, 8);
}
#elif FF_CASE == 2
struct NoData : ff::QuantizationFunction<NoData> {
  static at::Tensor quantize(int64_t);
  static at::Tensor dequantize(const at::Tensor& codes);
};
void call(const at::Tensor& data) {
  NoData::apply(data);
}
#elif FF_CASE == 3
void call(const at::Tensor& data) {
  Right::apply(data, 8, 0.5);
}
#elif FF_CASE == 4
void call(const at::Tensor& data) {
  Right::apply(data, 7.5, data);
}
#elif FF_CASE == 5
void call(const at::Tensor& data) {
  Right::apply(data, 8);
}
#elif FF_CASE == 6
void call(const at::Tensor& data) {
  Right::apply(data, 8, data, 1.0, 2.0);
}
#elif FF_CASE == 7
struct OtherArguments : ff::QuantizationFunction<OtherArguments> {
  static at::Tensor quantize(const at::Tensor& data, int64_t, const at::Tensor&) {
    return data;
  }
  static at::Tensor dequantize(const at::Tensor& codes, int64_t) {
    return codes;
  }
};
void call(const at::Tensor& data) {
  OtherArguments::apply(data, 8, data);
}
#elif FF_CASE == 8
struct Overloaded : ff::QuantizationFunction<Overloaded> {
  static at::Tensor quantize(const at::Tensor& data);
  static at::Tensor quantize(const at::Tensor& data, int64_t);
  static at::Tensor dequantize(const at::Tensor& codes);
};
void call(const at::Tensor& data) {
  Overloaded::apply(data);
}
#elif FF_CASE == 9
struct Wrong : ff::QuantizationFunction<Wrong> {
  static at::Tensor quantize(const at::Tensor& data);
  static at::Tensor dequantize(const at::Tensor& codes);
  static void restructure(const ff::BoundQuantizationFunction& self);
};
void call(const at::Tensor& data) {
  Wrong::apply(data);
}
#endif

}  // namespace

int main() {
  call(at::Tensor());
}
