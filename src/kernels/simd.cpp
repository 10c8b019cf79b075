// Compiles the kernels for each instruction set with vectors of 256 or 512 bits.
#include "kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
#include "kernels/affine-inl.h"
#include "kernels/arithmetic-inl.h"
#include "kernels/backward-inl.h"
#include "kernels/codes-inl.h"
#include "kernels/depthwise-inl.h"
#include "kernels/errors-inl.h"
#include "kernels/product-inl.h"
#include "kernels/reduce-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ff::kernels::HWY_NAMESPACE {

template <typename T>
constexpr Entries<T> MakeEntries() {
  return {&Quantize<T, int8_t>,
          &Quantize<T, int16_t>,
          &Dequantize<T, int8_t>,
          &Dequantize<T, int16_t>,
          &FakeQuantize<T>,
          &Backward<T>,
          &MinMax<T>,
          &MaxAbs<T>,
          &SumOfSquares<T>,
          &SquaredErrors<T>};
}

constexpr Table kTable = {HWY_TARGET == HWY_AVX2 ? "avx2" : "avx512",
                          MakeEntries<float>(),
                          MakeEntries<double>(),
                          MakeEntries<Bfloat16>(),
                          MakeEntries<Float16>(),
                          {&LookupInt8, &PackInt4, &UnpackInt4, &SumBelow},
                          {&CombineCodes<Sum>, &CombineCodes<Times>},
                          {&ProductCodes, &ProductValues, &DepthwiseCodes, &DepthwiseValues}};

}  // namespace ff::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace ff::kernels {

SimdTables simd_tables() noexcept {
  SimdTables found = {};
  const int64_t supported = hwy::SupportedTargets();
#if HWY_TARGETS & HWY_AVX3
  static const Table vnni = [] {
    Table table = N_AVX3::kTable;
    table.isa = "avx512_vnni";
    if (const ProductEntries* products = vnni_products())
      table.products = *products;
    return table;
  }();
  if (vnni_products() != nullptr)
    found.tables[found.size++] = &vnni;
  if (supported & HWY_AVX3)
    found.tables[found.size++] = &N_AVX3::kTable;
#endif
#if HWY_TARGETS & HWY_AVX2
  if (supported & HWY_AVX2)
    found.tables[found.size++] = &N_AVX2::kTable;
#endif
  return found;
}

}  // namespace ff::kernels
#endif
