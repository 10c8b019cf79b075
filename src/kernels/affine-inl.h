// quantize, dequantize and fake_quantize. Per-target header.
#if defined(FF_KERNELS_AFFINE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FF_KERNELS_AFFINE_INL_H_
#undef FF_KERNELS_AFFINE_INL_H_
#else
#define FF_KERNELS_AFFINE_INL_H_
#endif

#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "kernels/grid-inl.h"
#include "kernels/memory-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ff::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <typename T, typename Code>
void Quantize(const T* data, Code* codes, const Panel& panel, const Arithmetic<T>* scale,
              const Arithmetic<T>* z, Arithmetic<T> low, Arithmetic<T> high) noexcept {
  const hn::ScalableTag<Arithmetic<T>> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  ForEachRun(d, panel, scale, z, low, high,
             [&](int64_t offset, int64_t n, const auto& grids) HWY_ATTR {
               const T* from = data + offset;
               Code* to = codes + offset;
               int64_t i = 0;
               for (; i + lanes <= n; i += lanes)
                 StoreCodes(grids.At(d, i).Biased(d, LoadNumbers(d, from + i)), d, to + i);
               if (i < n) {
                 const auto rest = static_cast<size_t>(n - i);
                 const auto x = LoadNumbers(d, from + i, rest);
                 StoreCodes(grids.At(d, i, rest).Biased(d, x), d, to + i, rest);
               }
             });
}

// Writes values(i), or values(i, n) for less than a vector, to [begin, end).
template <class D, typename T, class Values>
HWY_INLINE void StoreValues(D d, T* to, int64_t begin, int64_t end, const Values& values) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = begin;
  for (; i + lanes <= end; i += lanes)
    StoreNumbers(values(i), d, to + i);
  if (i < end) {
    const auto rest = static_cast<size_t>(end - i);
    StoreNumbers(values(i, rest), d, to + i, rest);
  }
}

// The same for [0, n), past the caches if asked.
template <class D, typename T, class Values>
HWY_INLINE void WriteValues(D d, T* to, int64_t n, bool stream, const Values& values) {
  int64_t i = 0;
  if constexpr (sizeof(T) == sizeof(Number<D>)) {
    if (stream) {
      i = ElementsToLine(to, n);
      StoreValues(d, to, 0, i, values);
      for (; i + kLine<D> <= n; i += kLine<D>) {
        V<D> line[kLineVectors<D>];
        for (int64_t v = 0; v < kLineVectors<D>; ++v)
          line[v] = values(i + v * static_cast<int64_t>(hn::Lanes(d)));
        StreamLine(line, d, to + i);
      }
    }
  }
  StoreValues(d, to, i, n, values);
}

template <typename T, typename Code>
void Dequantize(const Code* codes, T* values, const Panel& panel, const Arithmetic<T>* scale,
                const Arithmetic<T>* z, bool stream) noexcept {
  const hn::ScalableTag<Arithmetic<T>> d;
  ForEachRun(d, panel, scale, z, 0, 0, [&](int64_t offset, int64_t n, const auto& grids) HWY_ATTR {
    const Code* from = codes + offset;
    const auto value = [&](int64_t i, auto... rest) HWY_ATTR {
      return grids.At(d, i, rest...).Value(LoadCodes(d, from + i, rest...));
    };
    WriteValues(d, values + offset, n, stream, value);
  });
  if (stream)
    hwy::FlushStream();
}

template <typename T>
void FakeQuantize(const T* data, T* values, const Panel& panel, const Arithmetic<T>* scale,
                  const Arithmetic<T>* z, Arithmetic<T> low, Arithmetic<T> high,
                  bool stream) noexcept {
  const hn::ScalableTag<Arithmetic<T>> d;
  ForEachRun(d, panel, scale, z, low, high,
             [&](int64_t offset, int64_t n, const auto& grids) HWY_ATTR {
               const T* from = data + offset;
               const auto value = [&](int64_t i, auto... rest) HWY_ATTR {
                 const auto& grid = grids.At(d, i, rest...);
                 const auto biased = grid.Biased(d, LoadNumbers(d, from + i, rest...));
                 return grid.ValueOfBiased(d, biased);
               };
               WriteValues(d, values + offset, n, stream, value);
             });
  if (stream)
    hwy::FlushStream();
}

}  // namespace ff::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
