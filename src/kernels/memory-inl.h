// Loads and stores of numbers and codes as vectors of the arithmetic's type. Per-target header.
#if defined(FF_KERNELS_MEMORY_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FF_KERNELS_MEMORY_INL_H_
#undef FF_KERNELS_MEMORY_INL_H_
#else
#define FF_KERNELS_MEMORY_INL_H_
#endif

#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "kernels/number.h"

HWY_BEFORE_NAMESPACE();
namespace ff::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
using V = hn::Vec<D>;
template <class D>
using Number = hn::TFromD<D>;

// Full vectors.

template <class D>
HWY_INLINE V<D> LoadNumbers(D d, const Number<D>* from) {
  return hn::LoadU(d, from);
}
template <class D>
HWY_INLINE V<D> LoadNumbers(D d, const Bfloat16* from) {
  const hn::Rebind<uint16_t, D> narrow;
  const hn::Rebind<uint32_t, D> wide;
  const auto bits = hn::LoadU(narrow, reinterpret_cast<const uint16_t*>(from));
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(wide, bits)));
}
template <class D>
HWY_INLINE V<D> LoadNumbers(D d, const Float16* from) {
  const hn::Rebind<hwy::float16_t, D> narrow;
  return hn::PromoteTo(d, hn::LoadU(narrow, reinterpret_cast<const hwy::float16_t*>(from)));
}

template <class D>
HWY_INLINE void StoreNumbers(V<D> v, D d, Number<D>* to) {
  hn::StoreU(v, d, to);
}
template <class D>
HWY_INLINE void StoreNumbers(V<D> v, D /*d*/, Bfloat16* to) {
  const hn::Rebind<uint16_t, D> narrow;
  const hn::Rebind<uint32_t, D> wide;
  const auto bits = hn::BitCast(wide, v);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(wide, 1));
  const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(wide, 0x7fff))));
  const auto is_nan = hn::RebindMask(wide, hn::IsNaN(v));
  const auto result = hn::IfThenElse(is_nan, hn::Set(wide, 0x7fc0), rounded);
  hn::StoreU(hn::TruncateTo(narrow, result), narrow, reinterpret_cast<uint16_t*>(to));
}
template <class D>
HWY_INLINE void StoreNumbers(V<D> v, D /*d*/, Float16* to) {
  const hn::Rebind<hwy::float16_t, D> narrow;
  hn::StoreU(hn::DemoteTo(narrow, v), narrow, reinterpret_cast<hwy::float16_t*>(to));
}

// The low bits of each lane are an integer code: see Biased in grid-inl.h.
template <class D, typename Code>
HWY_INLINE void StoreCodes(V<D> v, D /*d*/, Code* to) {
  const hn::Rebind<hwy::MakeUnsigned<Number<D>>, D> wide;
  const hn::Rebind<hwy::MakeUnsigned<Code>, D> narrow;
  hn::StoreU(hn::TruncateTo(narrow, hn::BitCast(wide, v)), narrow,
             reinterpret_cast<hwy::MakeUnsigned<Code>*>(to));
}

template <class D, typename Code>
HWY_INLINE V<D> LoadCodes(D d, const Code* from) {
  const hn::Rebind<int32_t, D> wide;
  const hn::Rebind<Code, D> narrow;
  const auto integers = hn::PromoteTo(wide, hn::LoadU(narrow, from));
  if constexpr (sizeof(Number<D>) == 4) {
    return hn::ConvertTo(d, integers);
  } else {
    return hn::PromoteTo(d, integers);
  }
}

// The first n lanes; the others are zero and are not written. 0 < n <= lanes.

// Types of 16 bits go through memory: before AVX-512 they have no masked loads and stores.
template <class D, typename T>
HWY_INLINE V<D> LoadNumbers(D d, const T* from, size_t n) {
  if constexpr (sizeof(T) == sizeof(Number<D>)) {
    return hn::MaskedLoad(hn::FirstN(d, n), d, from);
  } else {
    T padded[hn::MaxLanes(D())] = {};
    for (size_t i = 0; i < HWY_MIN(n, hn::MaxLanes(D())); ++i)
      padded[i] = from[i];
    return LoadNumbers(d, padded);
  }
}
template <class D, typename T>
HWY_INLINE void StoreNumbers(V<D> v, D d, T* to, size_t n) {
  if constexpr (sizeof(T) == sizeof(Number<D>)) {
    hn::BlendedStore(v, hn::FirstN(d, n), d, to);
  } else {
    T all[hn::MaxLanes(D())];
    StoreNumbers(v, d, all);
    for (size_t i = 0; i < HWY_MIN(n, hn::MaxLanes(D())); ++i)
      to[i] = all[i];
  }
}
template <class D, typename Code>
HWY_INLINE void StoreCodes(V<D> v, D d, Code* to, size_t n) {
  Code all[hn::MaxLanes(D())];
  StoreCodes(v, d, all);
  for (size_t i = 0; i < HWY_MIN(n, hn::MaxLanes(D())); ++i)
    to[i] = all[i];
}
template <class D, typename Code>
HWY_INLINE V<D> LoadCodes(D d, const Code* from, size_t n) {
  Code padded[hn::MaxLanes(D())] = {};
  for (size_t i = 0; i < HWY_MIN(n, hn::MaxLanes(D())); ++i)
    padded[i] = from[i];
  return LoadCodes(d, padded);
}

// Asks for what will be read in a while. The processor does not read ahead over the end of a page
// of 4 KiB; in passes that read two places and write a third this takes a tenth off the time.
// Addresses after the end of the data do no harm.
template <typename T>
HWY_INLINE void PrefetchAhead(const T* from) {
  constexpr int64_t kAheadBytes = 2048;
  hwy::Prefetch(reinterpret_cast<const char*>(from) + kAheadBytes);
}

// Streaming stores go to whole lines of the cache, one line at a time: half a line costs a read of
// the other half (docs/performance.md).
constexpr int64_t kLineBytes = 64;
template <class D>
constexpr int64_t kLine = kLineBytes / static_cast<int64_t>(sizeof(Number<D>));
template <class D>
constexpr int64_t kLineVectors = kLine<D> / static_cast<int64_t>(hn::MaxLanes(D()));

template <class D>
HWY_INLINE void StreamLine(const V<D> (&line)[kLineVectors<D>], D d, Number<D>* to) {
  for (int64_t v = 0; v < kLineVectors<D>; ++v)
    hn::Stream(line[v], d, to + v * static_cast<int64_t>(hn::MaxLanes(d)));
}

// Elements before a line begins, at most n; n if none ever begins at an element.
template <typename T>
HWY_INLINE int64_t ElementsToLine(const T* to, int64_t n) {
  const auto size = static_cast<int64_t>(sizeof(T));
  const auto past = static_cast<int64_t>(reinterpret_cast<uintptr_t>(to) % kLineBytes);
  const int64_t missing = (kLineBytes - past) % kLineBytes;
  return missing % size != 0 ? n : HWY_MIN(missing / size, n);
}

// Copies n elements with streaming stores.
template <typename T>
HWY_INLINE void StreamCopy(const T* from, T* to, int64_t n) {
  const hn::ScalableTag<uint8_t> d;
  using D = decltype(d);
  constexpr auto kLineElements = kLineBytes / static_cast<int64_t>(sizeof(T));
  const int64_t before = ElementsToLine(to, n);
  for (int64_t i = 0; i < before; ++i)
    to[i] = from[i];
  int64_t i = before;
  for (; i + kLineElements <= n; i += kLineElements) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(from + i);
    V<D> line[kLineVectors<D>];
    for (int64_t v = 0; v < kLineVectors<D>; ++v)
      line[v] = hn::LoadU(d, bytes + v * static_cast<int64_t>(hn::MaxLanes(d)));
    StreamLine(line, d, reinterpret_cast<uint8_t*>(to + i));
  }
  for (; i < n; ++i)
    to[i] = from[i];
}

}  // namespace ff::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
