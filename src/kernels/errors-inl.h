// The squared error of many candidate grids in one pass. Per-target header.
#if defined(FF_KERNELS_ERRORS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FF_KERNELS_ERRORS_INL_H_
#undef FF_KERNELS_ERRORS_INL_H_
#else
#define FF_KERNELS_ERRORS_INL_H_
#endif

#include "hwy/highway.h"
#include "kernels/grid-inl.h"
#include "kernels/lanes-inl.h"
#include "kernels/memory-inl.h"
#include "kernels/reference.h"
#include "kernels/table.h"

HWY_BEFORE_NAMESPACE();
namespace ff::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The squared error of a vector of finite data.
template <class D, class Grid>
HWY_INLINE V<D> SquaredError(D d, const Grid& grid, V<D> x) {
  const V<D> error = hn::Sub(grid.ValueOfBiased(d, grid.BiasedFinite(d, x)), x);
  return hn::Mul(error, error);
}

// The error of one grid over n finite elements.
template <class D, class Grid>
HWY_INLINE double ErrorOfRun(D d, const Grid& grid, const Number<D>* data, int64_t n) {
  constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(D()));
  constexpr int64_t kVectors = reference::kErrorLanes / kLanes;
  Lanes<reference::kErrorLanes> lanes;
  for (int64_t begin = 0; begin < n; begin += reference::kErrorRun) {
    const int64_t end = HWY_MIN(n, begin + reference::kErrorRun);
    V<D> run[kVectors];
    for (int64_t v = 0; v < kVectors; ++v)
      run[v] = hn::Zero(d);
    int64_t i = begin;
    for (; i + reference::kErrorLanes <= end; i += reference::kErrorLanes) {
      for (int64_t v = 0; v < kVectors; ++v)
        run[v] = hn::Add(run[v], SquaredError(d, grid, hn::LoadU(d, data + i + v * kLanes)));
    }
    for (int64_t v = 0; v < kVectors && i < end; ++v, i += kLanes) {
      const auto rest = static_cast<size_t>(HWY_MIN(kLanes, end - i));
      const V<D> error = SquaredError(d, grid, LoadNumbers(d, data + i, rest));
      run[v] = hn::Add(run[v], hn::IfThenElseZero(hn::FirstN(d, rest), error));
    }
    for (int64_t v = 0; v < kVectors; ++v)
      lanes.Add(v * kLanes, run[v]);
  }
  return lanes.Sum();
}

template <typename T>
void SquaredErrors(const T* data, int64_t n, int64_t candidates, const Arithmetic<T>* scale,
                   const Arithmetic<T>* z, Arithmetic<T> low, Arithmetic<T> high,
                   double* errors) noexcept {
  using P = Arithmetic<T>;
  const hn::ScalableTag<P> d;
  const P* numbers = nullptr;
  P widened[sizeof(T) == sizeof(P) ? 1 : kSumBlock];
  if constexpr (sizeof(T) == sizeof(P)) {
    numbers = data;
  } else {
    for (int64_t i = 0; i < n; ++i)
      widened[i] = widen(data[i]);
    numbers = widened;
  }
  for (int64_t c = 0; c < candidates; ++c) {
    WithUniformGrid(d, n, scale[c], z[c], low, high, [&](const auto& grids) HWY_ATTR {
      errors[c] = ErrorOfRun(d, grids.At(d, 0), numbers, n);
    });
  }
}

}  // namespace ff::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
