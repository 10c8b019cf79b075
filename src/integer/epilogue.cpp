#include "integer/epilogue.h"

#include <string_view>
#include <utility>

#include "integer/product.h"

namespace ff::integer {
namespace {

double unit_of(const Product& product) {
  return product.output.has_value() ? product.output->scale : 1.0;
}

double zero_of(const Product& product) {
  return product.output.has_value() ? product.output->zero : 0.0;
}

// The numbers of a contiguous tensor, or nothing.
std::string_view bytes_of(const at::Tensor& tensor) {
  if (!tensor.defined())
    return {};
  return {static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()};
}

double scale_at(const at::Tensor& scales, int64_t channel) {
  const int64_t index = scales.numel() == 1 ? 0 : channel;
  return scales.scalar_type() == at::kDouble ? scales.const_data_ptr<double>()[index]
                                             : scales.const_data_ptr<float>()[index];
}

Epilogue epilogue_of(const Product& product) {
  const PackedWeight& weight = *product.weight;
  const int64_t panel = weight.panel_channels();
  const auto size = static_cast<size_t>(weight.groups * panel);
  Epilogue epilogue{std::vector<float>(size), std::vector<float>(size)};
  const double unit = unit_of(product), zero = zero_of(product);
  const float* bias = product.bias.defined() ? product.bias.const_data_ptr<float>() : nullptr;
  for (int64_t g = 0; g < weight.groups; ++g) {
    for (int64_t c = 0; c < weight.channels; ++c) {
      const int64_t channel = g * weight.channels + c;
      const auto at = static_cast<size_t>(g * panel + c);
      const double scale = scale_at(product.weight_scales, channel);
      epilogue.factor[at] = static_cast<float>(product.input.scale * scale / unit);
      epilogue.shift[at] =
          static_cast<float>((bias == nullptr ? 0.0 : bias[channel]) / unit - zero);
    }
  }
  return epilogue;
}

}  // namespace

bool EpilogueCache::Key::is_of(const Product& product) const {
  return input == product.input.scale && unit == unit_of(product) && zero == zero_of(product) &&
         scales == bytes_of(product.weight_scales) && bias == bytes_of(product.bias);
}

std::shared_ptr<const Epilogue> EpilogueCache::get(const Product& product) {
  const std::scoped_lock lock(mutex_);
  if (last_ == nullptr || !key_.is_of(product)) {
    last_ = std::make_shared<Epilogue>(epilogue_of(product));
    key_ = {product.input.scale, unit_of(product), zero_of(product),
            std::string(bytes_of(product.weight_scales)), std::string(bytes_of(product.bias))};
  }
  return last_;
}

}  // namespace ff::integer
