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

using DotTag = hn::ScalableTag<int32_t>;
using DotVec = hn::Vec<DotTag>;

#if HWY_TARGET == HWY_AVX3_DL

// One instruction, which takes the codes as unsigned numbers: 128 is added to them, and kDotBias
// times the sum of the weights is too much.
constexpr int32_t kDotBias = 128;

using DotCodes = DotVec;
HWY_INLINE DotCodes PrepareCodes(DotVec codes) {
  return hn::Xor(codes, hn::Set(DotTag(), static_cast<int32_t>(0x80808080)));
}
using DotWeights = DotVec;
HWY_INLINE DotWeights PrepareWeights(DotVec weights) {
  return weights;
}
HWY_INLINE DotVec Dot(DotVec sums, const DotCodes& codes, const DotWeights& weights) {
  // Highway 1.0 knows the processor, but does not turn this instruction on.
  asm("vpdpbusd %2, %1, %0" : "+v"(sums.raw) : "v"(codes.raw), "v"(weights.raw));
  return sums;
}

#else

constexpr int32_t kDotBias = 0;

// Numbers of 16 bits: those at even and at odd places.
using WideTag = hn::Repartition<int16_t, DotTag>;
struct DotCodes {
  hn::Vec<WideTag> even, odd;
};
HWY_INLINE DotCodes PrepareCodes(DotVec codes) {
  const auto both = hn::BitCast(WideTag(), codes);
  return {hn::ShiftRight<8>(hn::ShiftLeft<8>(both)), hn::ShiftRight<8>(both)};
}
using DotWeights = DotCodes;
HWY_INLINE DotWeights PrepareWeights(DotVec weights) {
  return PrepareCodes(weights);
}
// On x86 each lane of the sums gets its own two products; the second sum stays.
HWY_INLINE DotVec Dot(DotVec sums, const DotCodes& codes, const DotWeights& weights) {
  auto unused = hn::Zero(DotTag());
  sums = hn::ReorderWidenMulAccumulate(DotTag(), codes.even, weights.even, sums, unused);
  return hn::ReorderWidenMulAccumulate(DotTag(), codes.odd, weights.odd, sums, unused);
}

#endif

// Keeps sums in their register after a loop: GCC 12 spills them otherwise (docs/performance.md).
HWY_INLINE void KeepInRegister(DotVec& sums) {
  asm("" : "+v"(sums.raw));
}

}  // namespace ff::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
