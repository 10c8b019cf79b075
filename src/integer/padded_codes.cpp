#include "integer/padded_codes.h"

#include <ATen/ops/constant_pad_nd.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

#include "core/quick_cast.h"
#include "integer/channels_last.h"
#include "tensor/quantized_tensor_impl.h"

namespace ff::integer {
namespace {

class PaddedSource final : public CodesSource {
 public:
  explicit PaddedSource(PaddedCodes codes) : codes_(std::move(codes)) {}

  at::Tensor codes() const override {
    std::call_once(once_, [this] { all_ = with_border(); });
    return all_;
  }
  at::Tensor with_border() const {
    const auto& [inner, fill, before, after] = codes_;
    std::vector<int64_t> padding;  // the last axis comes first
    for (size_t axis = before.size(); axis-- > 0;)
      padding.insert(padding.end(), {before[axis], after[axis]});
    return at::constant_pad_nd(inner, padding, static_cast<int64_t>(fill));
  }
  const PaddedCodes& parts() const {
    return codes_;
  }

 private:
  PaddedCodes codes_;
  mutable std::once_flag once_;
  mutable at::Tensor all_;
};

}  // namespace

at::Tensor padded_tensor(PaddedCodes codes, const BoundQuantizationFunction& function) {
  at::DimVector sizes(codes.inner.sizes());
  for (size_t axis = 0; axis < codes.before.size(); ++axis)
    sizes[axis + 2] += codes.before[axis] + codes.after[axis];
  const at::Device device = codes.inner.device();
  return at::detail::make_tensor<QuantizedTensorImpl>(
      std::make_shared<PaddedSource>(std::move(codes)), at::kChar, sizes,
      channels_last_strides(sizes), device, function, at::kFloat);
}

const PaddedCodes* padded_codes(const at::Tensor& tensor) {
  const QuantizedTensorImpl* impl = as_quantized(tensor);
  const auto* source =
      impl == nullptr ? nullptr : quick_cast<const PaddedSource>(impl->source().get());
  return source == nullptr ? nullptr : &source->parts();
}

bool is_border(const at::Tensor& codes, c10::IntArrayRef padding) {
  constexpr int64_t kImages = 4, kAxes = 2;
  return codes.dim() == kImages && codes.numel() > 0 &&
         static_cast<int64_t>(padding.size()) <= 2 * kAxes && padding.size() % 2 == 0 &&
         std::all_of(padding.begin(), padding.end(), [](int64_t n) { return n >= 0; });
}

}  // namespace ff::integer
