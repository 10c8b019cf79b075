// Sums of four products of 8 bits in each lane of 32 bits. Per-target header.
#if defined(FF_KERNELS_DOT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FF_KERNELS_DOT_INL_H_
#undef FF_KERNELS_DOT_INL_H_
#else
#define FF_KERNELS_DOT_INL_H_
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace ff::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// D: a tag of int32_t, of any length.

#if HWY_TARGET == HWY_AVX3_DL

// One instruction, which takes the codes as unsigned numbers: 128 is added to them, and kDotBias
// times the sum of the weights is too much.
constexpr int32_t kDotBias = 128;

template <class D>
using DotCodes = hn::Vec<D>;
template <class D>
using DotWeights = hn::Vec<D>;

template <class D>
HWY_INLINE DotCodes<D> PrepareCodes(D d, hn::Vec<D> codes) {
  return hn::Xor(codes, hn::Set(d, static_cast<int32_t>(0x80808080)));
}
template <class D>
HWY_INLINE DotWeights<D> PrepareWeights(D /*d*/, hn::Vec<D> weights) {
  return weights;
}
template <class D>
HWY_INLINE hn::Vec<D> Dot(D /*d*/, hn::Vec<D> sums, const DotCodes<D>& codes,
                          const DotWeights<D>& weights) {
  // Highway 1.0 knows the processor, but does not turn this instruction on.
  asm("vpdpbusd %2, %1, %0" : "+v"(sums.raw) : "v"(codes.raw), "v"(weights.raw));
  return sums;
}

#else

constexpr int32_t kDotBias = 0;

// Numbers of 16 bits: those at even and at odd places.
template <class D>
struct DotCodes {
  hn::Vec<hn::Repartition<int16_t, D>> even, odd;
};
template <class D>
using DotWeights = DotCodes<D>;

template <class D>
HWY_INLINE DotCodes<D> PrepareCodes(D /*d*/, hn::Vec<D> codes) {
  const auto both = hn::BitCast(hn::Repartition<int16_t, D>(), codes);
  return {hn::ShiftRight<8>(hn::ShiftLeft<8>(both)), hn::ShiftRight<8>(both)};
}
template <class D>
HWY_INLINE DotWeights<D> PrepareWeights(D d, hn::Vec<D> weights) {
  return PrepareCodes(d, weights);
}
// On x86 each lane of the sums gets its own two products; the second sum stays.
template <class D>
HWY_INLINE hn::Vec<D> Dot(D d, hn::Vec<D> sums, const DotCodes<D>& codes,
                          const DotWeights<D>& weights) {
  auto unused = hn::Zero(d);
  sums = hn::ReorderWidenMulAccumulate(d, codes.even, weights.even, sums, unused);
  return hn::ReorderWidenMulAccumulate(d, codes.odd, weights.odd, sums, unused);
}

#endif

// Keeps sums in their register after a loop: GCC 12 spills them otherwise (docs/integers.md).
template <class V>
HWY_INLINE void KeepInRegister(V& sums) {
  asm("" : "+v"(sums.raw));
}

}  // namespace ff::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
