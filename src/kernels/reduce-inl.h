// Minimum, maximum, absolute maximum, sum of squares. Per-target header.
#if defined(FF_KERNELS_REDUCE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FF_KERNELS_REDUCE_INL_H_
#undef FF_KERNELS_REDUCE_INL_H_
#else
#define FF_KERNELS_REDUCE_INL_H_
#endif

#include "hwy/highway.h"
#include "kernels/lanes-inl.h"
#include "kernels/memory-inl.h"
#include "kernels/panel.h"
#include "kernels/reference.h"

HWY_BEFORE_NAMESPACE();
namespace ff::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// NaN once a term was NaN or infinite, else 0.
template <class D>
HWY_INLINE V<D> NotFinite(D d, V<D> x, V<D> before) {
  return hn::MulAdd(x, hn::Zero(d), before);
}
template <class D>
HWY_INLINE bool IsFinite(D d, V<D> not_finite) {
  return hn::AllTrue(d, hn::Eq(not_finite, not_finite));
}

// Minimum and maximum of what was taken.
template <class D>
struct Extremes {
  V<D> min, max, not_finite;

  HWY_INLINE explicit Extremes(D d, Number<D> min_, Number<D> max_)
      : min(hn::Set(d, min_)), max(hn::Set(d, max_)), not_finite(hn::Zero(d)) {}
  HWY_INLINE void Take(D d, V<D> x) {
    min = hn::Min(min, x);
    max = hn::Max(max, x);
    not_finite = NotFinite(d, x, not_finite);
  }
  HWY_INLINE void Join(const Extremes& other) {
    min = hn::Min(min, other.min);
    max = hn::Max(max, other.max);
    not_finite = hn::Add(not_finite, other.not_finite);
  }
};

// The absolute maximum of what was taken.
template <class D>
struct Magnitude {
  V<D> max, not_finite;

  HWY_INLINE explicit Magnitude(D d, Number<D> max_)
      : max(hn::Set(d, max_)), not_finite(hn::Zero(d)) {}
  HWY_INLINE void Take(D d, V<D> x) {
    max = hn::Max(max, hn::Abs(x));
    not_finite = NotFinite(d, x, not_finite);
  }
  HWY_INLINE void Join(const Magnitude& other) {
    max = hn::Max(max, other.max);
    not_finite = hn::Add(not_finite, other.not_finite);
  }
};

// Takes a run into four states, each a quarter of it, since the latency of one is four cycles, and
// since the processor reads ahead for each of several places (docs/performance.md). The rest of a
// vector is filled with one of the run's elements.
template <class D, typename T, class State>
HWY_INLINE State ReduceRun(D d, const T* data, int64_t n, const State& start) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  State a = start, b = start, c = start, e = start;
  const int64_t quarter = n / (4 * lanes) * lanes;
  for (int64_t i = 0; i < quarter; i += lanes) {
    a.Take(d, LoadNumbers(d, data + i));
    b.Take(d, LoadNumbers(d, data + quarter + i));
    c.Take(d, LoadNumbers(d, data + 2 * quarter + i));
    e.Take(d, LoadNumbers(d, data + 3 * quarter + i));
  }
  int64_t i = 4 * quarter;
  for (; i + lanes <= n; i += lanes)
    a.Take(d, LoadNumbers(d, data + i));
  if (i < n) {
    const auto rest = static_cast<size_t>(n - i);
    const V<D> padding = hn::Set(d, static_cast<Number<D>>(widen(data[i])));
    b.Take(d, hn::IfThenElse(hn::FirstN(d, rest), LoadNumbers(d, data + i, rest), padding));
  }
  a.Join(b);
  c.Join(e);
  a.Join(c);
  return a;
}

template <typename T>
bool MinMax(const T* data, const Panel& panel, Arithmetic<T>* min, Arithmetic<T>* max) noexcept {
  using P = Arithmetic<T>;
  const hn::ScalableTag<P> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V<decltype(d)> not_finite = hn::Zero(d);
  const bool uniform = panel.column_stride == 0 || panel.columns == 1;
  if (!uniform && panel.column_stride != 1)
    return reference::min_max(data, panel, min, max);
  for (int64_t row = 0; row < panel.rows; ++row) {
    const T* from = data + row * panel.columns;
    P *row_min = min + row * panel.row_stride, *row_max = max + row * panel.row_stride;
    if (uniform) {
      const auto found =
          ReduceRun(d, from, panel.columns, Extremes<decltype(d)>(d, *row_min, *row_max));
      *row_min = hn::GetLane(hn::MinOfLanes(d, found.min));
      *row_max = hn::GetLane(hn::MaxOfLanes(d, found.max));
      not_finite = hn::Add(not_finite, found.not_finite);
      continue;
    }
    int64_t i = 0;
    for (; i + lanes <= panel.columns; i += lanes) {
      const auto x = LoadNumbers(d, from + i);
      hn::StoreU(hn::Min(hn::LoadU(d, row_min + i), x), d, row_min + i);
      hn::StoreU(hn::Max(hn::LoadU(d, row_max + i), x), d, row_max + i);
      not_finite = NotFinite(d, x, not_finite);
    }
    if (i < panel.columns) {
      const auto rest = static_cast<size_t>(panel.columns - i);
      const auto x = LoadNumbers(d, from + i, rest);
      StoreNumbers(hn::Min(LoadNumbers(d, row_min + i, rest), x), d, row_min + i, rest);
      StoreNumbers(hn::Max(LoadNumbers(d, row_max + i, rest), x), d, row_max + i, rest);
      not_finite = NotFinite(d, x, not_finite);
    }
  }
  return IsFinite(d, not_finite);
}

template <typename T>
bool MaxAbs(const T* data, const Panel& panel, Arithmetic<T>* max) noexcept {
  using P = Arithmetic<T>;
  const hn::ScalableTag<P> d;
  const bool uniform = panel.column_stride == 0 || panel.columns == 1;
  if (!uniform)
    return reference::max_abs(data, panel, max);
  V<decltype(d)> not_finite = hn::Zero(d);
  for (int64_t row = 0; row < panel.rows; ++row) {
    P* row_max = max + row * panel.row_stride;
    const auto found = ReduceRun(d, data + row * panel.columns, panel.columns,
                                 Magnitude<decltype(d)>(d, *row_max));
    *row_max = hn::GetLane(hn::MaxOfLanes(d, found.max));
    not_finite = hn::Add(not_finite, found.not_finite);
  }
  return IsFinite(d, not_finite);
}

template <typename T>
double SumOfSquares(const T* data, int64_t n) noexcept {
  using D = hn::ScalableTag<Arithmetic<T>>;
  const D d;
  const hn::ScalableTag<double> dd;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  Lanes<reference::kSumLanes> sums;
  const auto add = [&](int64_t i, V<D> x) HWY_ATTR {
    if constexpr (sizeof(Number<D>) == 8) {
      sums.Add(i, hn::Mul(x, x));
    } else {
      const hn::Half<D> half;
      const auto lower = hn::PromoteTo(dd, hn::LowerHalf(half, x));
      const auto upper = hn::PromoteTo(dd, hn::UpperHalf(half, x));
      sums.Add(i, hn::Mul(lower, lower));
      sums.Add(i + static_cast<int64_t>(hn::Lanes(dd)), hn::Mul(upper, upper));
    }
  };
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    add(i, LoadNumbers(d, data + i));
  if (i < n)
    add(i, LoadNumbers(d, data + i, static_cast<size_t>(n - i)));
  return sums.Sum();
}

}  // namespace ff::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
