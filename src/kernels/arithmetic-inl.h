// Sums and products of two operands in codes. Per-target header.
#if defined(FF_KERNELS_ARITHMETIC_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FF_KERNELS_ARITHMETIC_INL_H_
#undef FF_KERNELS_ARITHMETIC_INL_H_
#else
#define FF_KERNELS_ARITHMETIC_INL_H_
#endif

#include "hwy/highway.h"
#include "kernels/arithmetic.h"
#include "kernels/grid-inl.h"
#include "kernels/memory-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ff::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

struct Sum {
  template <class Vector>
  HWY_INLINE Vector operator()(Vector x, Vector y) const {
    return hn::Add(x, y);
  }
};

struct Times {
  template <class Vector>
  HWY_INLINE Vector operator()(Vector x, Vector y) const {
    return hn::Mul(x, y);
  }
};

template <class Function>
void CombineCodes(const int8_t* a, const int8_t* b, int8_t* codes, int64_t n,
                  const Combination& all) noexcept {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto scale_a = hn::Set(d, all.scale_a), zero_a = hn::Set(d, all.zero_a);
  const auto scale_b = hn::Set(d, all.scale_b), zero_b = hn::Set(d, all.zero_b);
  const Function function;
  WithUniformGrid(d, n, all.scale, all.zero, all.low, all.high, [&](const auto& grids) HWY_ATTR {
    const auto& grid = grids.At(d, 0);
    const auto biased = [&](int64_t i, auto... rest) HWY_ATTR {
      const auto x = hn::Mul(hn::Add(LoadCodes(d, a + i, rest...), zero_a), scale_a);
      const auto y = hn::Mul(hn::Add(LoadCodes(d, b + i, rest...), zero_b), scale_b);
      return grid.Biased(d, function(x, y));
    };
    int64_t i = 0;
    for (; i + lanes <= n; i += lanes)
      StoreCodes(biased(i), d, codes + i);
    if (i < n) {
      const auto rest = static_cast<size_t>(n - i);
      StoreCodes(biased(i, rest), d, codes + i, rest);
    }
  });
}

}  // namespace ff::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
