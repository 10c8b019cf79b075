// From data to codes and back, for one vector. Per-target header.
#if defined(FF_KERNELS_GRID_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FF_KERNELS_GRID_INL_H_
#undef FF_KERNELS_GRID_INL_H_
#else
#define FF_KERNELS_GRID_INL_H_
#endif

#include "hwy/highway.h"
#include "kernels/memory-inl.h"
#include "kernels/panel.h"
#include "kernels/reference.h"

HWY_BEFORE_NAMESPACE();
namespace ff::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// 1.5 * 2^23 or 1.5 * 2^52: a number of at most 2^22 (2^51) added to it is rounded half to even,
// and the low bits of the sum are the integer in two's complement.
template <class D>
HWY_INLINE V<D> Bias(D d) {
  return hn::Set(d, static_cast<Number<D>>(sizeof(Number<D>) == 4 ? 0x1.8p23 : 0x1.8p52));
}

// Division as the processor does it: for scales that vary, short runs, and float64.
template <class D>
struct Division {
  V<D> scale, z, low, high;

  HWY_INLINE Division(D d, Number<D> scale_, Number<D> z_, Number<D> low_, Number<D> high_)
      : Division(d, hn::Set(d, scale_), hn::Set(d, z_), low_, high_) {}
  HWY_INLINE Division(D d, V<D> scale_, V<D> z_, Number<D> low_, Number<D> high_)
      : scale(scale_), z(z_), low(hn::Set(d, low_)), high(hn::Set(d, high_)) {}

  // The code plus Bias.
  HWY_INLINE V<D> Biased(D d, V<D> x) const {
    const V<D> number = hn::IfThenElseZero(hn::Eq(x, x), x);
    return BiasedFinite(d, number);
  }
  HWY_INLINE V<D> BiasedFinite(D d, V<D> x) const {
    const V<D> position = hn::Sub(hn::Div(x, scale), z);
    return hn::Add(hn::Min(hn::Max(position, low), high), Bias(d));
  }
  HWY_INLINE V<D> Value(V<D> code) const {
    return hn::Mul(hn::Add(code, z), scale);
  }
  HWY_INLINE V<D> ValueOfBiased(D d, V<D> biased) const {
    return Value(hn::Sub(biased, Bias(d)));
  }
};

// The same quotients, bit for bit, without division: 3 instead of 10 cycles a vector. The data is
// clamped instead of the codes. docs/performance.md has the proof; Fits says when it holds.
template <class D, bool kOffset>
struct Reciprocal {
  V<D> scale, inverse, inverse_error, z, bias_less_z, lowest, highest;

  static HWY_INLINE bool Fits(float scale, float z, float low, float high) {
    constexpr float kSmallest = 0x1p-60f, kLargest = 0x1p60f, kLargestOffset = 0x1p22f;
    if (!(scale >= kSmallest && scale <= kLargest && z >= -kLargestOffset && z <= kLargestOffset))
      return false;
    const float lowest = (low + z) * scale, highest = (high + z) * scale;
    return lowest <= 0 && highest >= 0 && reference::round_half_even(lowest / scale - z) == low &&
           reference::round_half_even(highest / scale - z) == high;
  }

  HWY_INLINE Reciprocal(D d, float scale_, float z_, float low, float high)
      : scale(hn::Set(d, scale_)),
        inverse(hn::Div(hn::Set(d, 1.0f), scale)),
        inverse_error(hn::Mul(hn::NegMulAdd(scale, inverse, hn::Set(d, 1.0f)), inverse)),
        z(hn::Set(d, z_)),
        bias_less_z(hn::Sub(Bias(d), z)),
        lowest(hn::Set(d, (low + z_) * scale_)),
        highest(hn::Set(d, (high + z_) * scale_)) {}

  HWY_INLINE V<D> Biased(D d, V<D> x) const {
    const V<D> number = hn::IfThenElseZero(hn::Eq(x, x), hn::Max(x, lowest));
    return OfClamped(d, hn::Min(number, highest));
  }
  HWY_INLINE V<D> BiasedFinite(D d, V<D> x) const {
    return OfClamped(d, hn::Min(hn::Max(x, lowest), highest));
  }
  HWY_INLINE V<D> Value(V<D> code) const {
    return hn::Mul(kOffset ? hn::Add(code, z) : code, scale);
  }
  // All of it are integers below 2^24, so that code + z comes out exactly.
  HWY_INLINE V<D> ValueOfBiased(D /*d*/, V<D> biased) const {
    return hn::Mul(hn::Sub(biased, bias_less_z), scale);
  }

 private:
  HWY_INLINE V<D> OfClamped(D d, V<D> x) const {
    const V<D> near = hn::MulAdd(x, inverse, hn::Mul(x, inverse_error));
    const V<D> quotient = hn::MulAdd(hn::NegMulAdd(scale, near, x), inverse, near);
    return hn::Add(kOffset ? hn::Sub(quotient, z) : quotient, Bias(d));
  }
};

// One grid for a whole run.
template <class Grid>
struct Same {
  const Grid grid;
  template <class D>
  HWY_INLINE const Grid& At(D /*d*/, int64_t /*i*/) const {
    return grid;
  }
  template <class D>
  HWY_INLINE const Grid& At(D /*d*/, int64_t /*i*/, size_t /*n*/) const {
    return grid;
  }
};

// A grid for each element.
template <class D>
struct Varying {
  const Number<D>* HWY_RESTRICT scale;
  const Number<D>* HWY_RESTRICT z;
  Number<D> low, high;

  HWY_INLINE Division<D> At(D d, int64_t i) const {
    return {d, hn::LoadU(d, scale + i), hn::LoadU(d, z + i), low, high};
  }
  HWY_INLINE Division<D> At(D d, int64_t i, size_t n) const {
    return {d, LoadNumbers(d, scale + i, n), LoadNumbers(d, z + i, n), low, high};
  }
};

// Below this many elements the preparation of Reciprocal costs more than it saves.
constexpr int64_t kShortRun = 128;

// Calls body(grids) with the fastest grid for n elements of one scale.
template <class D, class Body>
HWY_INLINE void WithUniformGrid(D d, int64_t n, Number<D> scale, Number<D> z, Number<D> low,
                                Number<D> high, const Body& body) {
  if constexpr (sizeof(Number<D>) == 4) {
    if (n >= kShortRun && Reciprocal<D, true>::Fits(scale, z, low, high)) {
      if (z == 0) {
        body(Same<Reciprocal<D, false>>{{d, scale, z, low, high}});
      } else {
        body(Same<Reciprocal<D, true>>{{d, scale, z, low, high}});
      }
      return;
    }
  }
  body(Same<Division<D>>{{d, scale, z, low, high}});
}

// Parameters of rows that are too short for vectors, one for each element of several rows.
constexpr int64_t kExpanded = 512;

template <class D>
HWY_INLINE void Expand(D d, const Panel& panel, const Number<D>* HWY_RESTRICT from, int64_t rows,
                       int64_t columns, Number<D>* HWY_RESTRICT to) {
  for (int64_t row = 0; row < rows; ++row) {
    const Number<D>* parameter = from + row * panel.row_stride;
    Number<D>* out = to + row * columns;
    if (panel.column_stride == 0) {  // writes over the end; the next row comes later
      const V<D> value = hn::Set(d, *parameter);
      for (int64_t i = 0; i < columns; i += static_cast<int64_t>(hn::Lanes(d)))
        hn::StoreU(value, d, out + i);
    } else {
      for (int64_t i = 0; i < columns; ++i)
        out[i] = parameter[i * panel.column_stride];
    }
  }
}

// Calls body(offset, n, grids) on runs that cover the panel.
template <class D, class Body>
HWY_INLINE void ForEachRun(D d, const Panel& panel, const Number<D>* scale, const Number<D>* z,
                           Number<D> low, Number<D> high, const Body& body) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  if (panel.rows == 0 || panel.columns == 0)
    return;
  const bool uniform = panel.column_stride == 0 || panel.columns == 1;
  if (uniform && (panel.row_stride == 0 || panel.rows == 1)) {
    const int64_t n = panel.rows * panel.columns;
    WithUniformGrid(d, n, *scale, *z, low, high,
                    [&](const auto& grids) HWY_ATTR { body(int64_t{0}, n, grids); });
    return;
  }
  if (uniform && panel.columns >= lanes) {
    for (int64_t row = 0; row < panel.rows; ++row) {
      const int64_t parameter = row * panel.row_stride;
      WithUniformGrid(d, panel.columns, scale[parameter], z[parameter], low, high,
                      [&](const auto& grids)
                          HWY_ATTR { body(row * panel.columns, panel.columns, grids); });
    }
    return;
  }
  if (panel.column_stride == 1 && (panel.columns >= 2 * lanes || panel.rows == 1)) {
    for (int64_t row = 0; row < panel.rows; ++row) {
      const int64_t parameter = row * panel.row_stride;
      body(row * panel.columns, panel.columns,
           Varying<D>{scale + parameter, z + parameter, low, high});
    }
    return;
  }
  HWY_ALIGN Number<D> scales[kExpanded + 2 * hn::MaxLanes(D())];
  HWY_ALIGN Number<D> offsets[kExpanded + 2 * hn::MaxLanes(D())];
  const int64_t columns = HWY_MIN(panel.columns, kExpanded);
  const int64_t rows_at_once = HWY_MIN(kExpanded / columns, panel.rows);
  const bool rows_are_alike = panel.row_stride == 0 && columns == panel.columns;
  for (int64_t row = 0; row < panel.rows; row += rows_at_once) {
    const int64_t rows = HWY_MIN(rows_at_once, panel.rows - row);
    for (int64_t column = 0; column < panel.columns; column += columns) {
      const int64_t n = HWY_MIN(columns, panel.columns - column);
      const int64_t parameter = row * panel.row_stride + column * panel.column_stride;
      if (row == 0 || !rows_are_alike) {
        Expand(d, panel, scale + parameter, rows, n, scales);
        Expand(d, panel, z + parameter, rows, n, offsets);
      }
      body(row * panel.columns + column, rows * n, Varying<D>{scales, offsets, low, high});
    }
  }
}

}  // namespace ff::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
