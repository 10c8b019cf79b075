// Compiles the products for processors that have instructions for them.
#include "kernels/simd.h"

#define HWY_WANT_AVX3_DL 1  // AVX-512 with VNNI
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd_vnni.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#if HWY_TARGET == HWY_AVX3_DL
#include "kernels/depthwise-inl.h"
#include "kernels/product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ff::kernels::HWY_NAMESPACE {

constexpr ProductEntries kProducts = {&ProductCodes, &ProductValues, &DepthwiseCodes,
                                      &DepthwiseValues};

}  // namespace ff::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace ff::kernels {

const ProductEntries* vnni_products() noexcept {
#if HWY_TARGETS & HWY_AVX3_DL
  if ((hwy::SupportedTargets() & HWY_AVX3_DL) && __builtin_cpu_supports("avx512vnni"))
    return &N_AVX3_DL::kProducts;
#endif
  return nullptr;
}

}  // namespace ff::kernels
#endif
