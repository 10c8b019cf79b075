#pragma once

#include <torch/types.h>

#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

/// Affine quantization once more, one element at a time: what tests compare with. It shares no code
/// with the library.
namespace ff::test {

/// A shape cut into tiles of a given shape; the last ones may be shorter.
struct NaiveTiles {
  std::vector<int64_t> shape;
  std::vector<int64_t> tile;

  int64_t tiles_along(size_t axis) const {
    return tile[axis] == 0 ? 1 : (shape[axis] + tile[axis] - 1) / tile[axis];
  }
  int64_t count() const {
    int64_t product = 1;
    for (size_t axis = 0; axis < shape.size(); ++axis)
      product *= tiles_along(axis);
    return product;
  }
  int64_t elements() const {
    int64_t product = 1;
    for (const int64_t size : shape)
      product *= size;
    return product;
  }
  /// The tile of the element with row-major index `flat`.
  int64_t tile_of(int64_t flat) const {
    int64_t index = 0, stride = 1;
    for (size_t axis = shape.size(); axis-- > 0;) {
      index += flat % shape[axis] / tile[axis] * stride;
      stride *= tiles_along(axis);
      flat /= shape[axis];
    }
    return index;
  }
};

/// Codes, values and gradients of affine quantization of float32 or float64 data.
struct NaiveAffine {
  torch::Tensor codes;   // int64
  torch::Tensor values;  // of the data's type
  torch::Tensor data_gradient, scale_gradient, offset_gradient;
};

template <typename T>
NaiveAffine naive_affine_of(const torch::Tensor& data, const torch::Tensor& scale,
                            const std::optional<torch::Tensor>& offset, const NaiveTiles& tiles,
                            int64_t num_bits, const torch::Tensor& gradient) {
  const auto type = data.scalar_type();
  const auto list = [&](const torch::Tensor& tensor) {
    const torch::Tensor flat = tensor.detach().to(type).contiguous();
    return std::vector<T>(flat.const_data_ptr<T>(), flat.const_data_ptr<T>() + flat.numel());
  };
  const std::vector<T> x = list(data), g = list(gradient), scales = list(scale);
  std::vector<T> offsets(scales.size(), T{0});
  if (offset.has_value())
    offsets = list(*offset);
  const T low = -std::ldexp(T{1}, static_cast<int>(num_bits) - 1);
  const T high = std::ldexp(T{1}, static_cast<int>(num_bits) - 1) - 1;
  std::vector<int64_t> codes;
  std::vector<T> values, dx;
  std::vector<double> dscale(scales.size()), doffset(scales.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const int64_t j = tiles.tile_of(static_cast<int64_t>(i));
    const T s = scales[j], z = std::nearbyint(offsets[j]);
    const T position = std::isnan(x[i]) ? -z : x[i] / s - z;
    const T unclamped = std::nearbyint(position);
    const T code = std::fmin(std::fmax(unclamped, low), high);
    codes.push_back(static_cast<int64_t>(code));
    values.push_back((code + z) * s);
    const bool clipped = unclamped != code;
    dx.push_back(clipped || std::isnan(x[i]) ? T{0} : g[i]);
    dscale[j] += clipped ? g[i] * (code + z) : g[i] * (code - position);
    doffset[j] += clipped ? g[i] * s : T{0};
  }
  const auto tensor = [&](const auto& list, at::IntArrayRef shape) {
    return torch::tensor(list, torch::kDouble).reshape(shape);  // holds every float and code
  };
  return {tensor(codes, data.sizes()).to(torch::kLong), tensor(values, data.sizes()).to(type),
          tensor(dx, data.sizes()).to(type), tensor(dscale, scale.sizes()).to(type),
          tensor(doffset, scale.sizes()).to(type)};
}

/// See NaiveAffine. `gradient` is that of the dequantized values.
inline NaiveAffine naive_affine(const torch::Tensor& data, const torch::Tensor& scale,
                                const std::optional<torch::Tensor>& offset, const NaiveTiles& tiles,
                                int64_t num_bits, const torch::Tensor& gradient = {}) {
  const torch::Tensor g = gradient.defined() ? gradient : torch::zeros_like(data);
  return data.scalar_type() == torch::kDouble
             ? naive_affine_of<double>(data, scale, offset, tiles, num_bits, g)
             : naive_affine_of<float>(data, scale, offset, tiles, num_bits, g);
}

}  // namespace ff::test
