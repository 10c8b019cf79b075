#pragma once

#include <ATen/core/Tensor.h>

#include <cmath>

#include "quantization/affine_grid.h"
#include "quantization/cpu_memory.h"

namespace ff {

/// The only element of a CPU tensor.
inline double only_element(const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return static_cast<double>(*tensor.const_data_ptr<float>());
    case at::kDouble:
      return *tensor.const_data_ptr<double>();
    case at::kBFloat16:
      return static_cast<double>(*tensor.const_data_ptr<at::BFloat16>());
    default:
      return static_cast<double>(*tensor.const_data_ptr<at::Half>());
  }
}

/// scale and z of a grid on the CPU as kernels take them. One tile, the frequent case, needs no
/// tensor: making one costs more than quantizing 64 numbers.
template <typename P>
class GridMemory {
 public:
  explicit GridMemory(const AffineGrid& grid) {
    if (grid.given_scale.numel() == 1) {
      one_scale_ = static_cast<P>(only_element(grid.given_scale));
      if (grid.given_offset.defined())
        one_z_ = std::nearbyint(static_cast<P>(only_element(grid.given_offset)));
    } else {
      scale_ = grid.scale();
      z_ = grid.z();
    }
  }

  const P* scale() const {
    return scale_.defined() ? scale_.const_data_ptr<P>() : &one_scale_;
  }
  const P* z() const {
    return z_.defined() ? z_.const_data_ptr<P>() : &one_z_;
  }

 private:
  P one_scale_ = 0, one_z_ = 0;
  at::Tensor scale_, z_;
};

}  // namespace ff
