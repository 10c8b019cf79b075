#include "integer/epilogue.h"

#include <algorithm>
#include <utility>

#include "integer/product.h"

namespace ff::integer {

std::shared_ptr<const Epilogue> EpilogueCache::get(const Product& product) {
  Key key{product.input.scale, 1, 0, product.weight_scales, {}};
  if (product.output.has_value()) {
    key.unit = product.output->scale;
    key.zero = product.output->zero;
  }
  if (product.bias.defined()) {
    const auto* bias = product.bias.const_data_ptr<float>();
    key.bias.assign(bias, bias + product.bias.numel());
  }
  {
    const std::scoped_lock lock(mutex_);
    if (last_ != nullptr && key_ == key)
      return last_;
  }
  const PackedWeight& weight = *product.weight;
  const int64_t panel = weight.panel_channels();
  const auto size = static_cast<size_t>(weight.groups * panel);
  auto epilogue =
      std::make_shared<Epilogue>(Epilogue{std::vector<float>(size), std::vector<float>(size)});
  for (int64_t g = 0; g < weight.groups; ++g) {
    for (int64_t c = 0; c < weight.channels; ++c) {
      const auto channel = static_cast<size_t>(g * weight.channels + c);
      const auto at = static_cast<size_t>(g * panel + c);
      const double scale = key.scales[key.scales.size() == 1 ? 0 : channel];
      const double bias = key.bias.empty() ? 0.0 : key.bias[channel];
      epilogue->factor[at] = static_cast<float>(key.input * scale / key.unit);
      epilogue->shift[at] = static_cast<float>(bias / key.unit - key.zero);
    }
  }
  const std::scoped_lock lock(mutex_);
  key_ = std::move(key);
  last_ = epilogue;
  return epilogue;
}

}  // namespace ff::integer
