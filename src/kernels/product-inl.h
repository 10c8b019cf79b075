// Products of codes with constant weights. Per-target header.
#if defined(FF_KERNELS_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FF_KERNELS_PRODUCT_INL_H_
#undef FF_KERNELS_PRODUCT_INL_H_
#else
#define FF_KERNELS_PRODUCT_INL_H_
#endif

#include <string.h>

#include "hwy/highway.h"
#include "kernels/dot-inl.h"
#include "kernels/grid-inl.h"
#include "kernels/memory-inl.h"
#include "kernels/product.h"

HWY_BEFORE_NAMESPACE();
namespace ff::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using DotTag = hn::ScalableTag<int32_t>;
using DotVec = hn::Vec<DotTag>;
constexpr auto kDotLanes = static_cast<int64_t>(hn::MaxLanes(DotTag()));
constexpr int64_t kPanelVectors = kPanelChannels / kDotLanes;
// Bytes of a panel for one quad.
constexpr int64_t kPanelQuad = kPanelChannels * kQuad;

// Results of one vector of channels, of which `channels` are there.
struct Finish {
  hn::Vec<hn::ScalableTag<float>> low, high;

  HWY_INLINE explicit Finish(const Product& product)
      : low(hn::Set(hn::ScalableTag<float>(), product.low)),
        high(hn::Set(hn::ScalableTag<float>(), product.high)) {}

  static HWY_INLINE auto Value(DotVec sums, const Product& product, int64_t channel) {
    const hn::ScalableTag<float> d;
    return hn::MulAdd(hn::ConvertTo(d, sums), hn::LoadU(d, product.factor + channel),
                      hn::LoadU(d, product.shift + channel));
  }
  HWY_INLINE void Store(DotVec sums, const Product& product, int64_t channel,
                        float* results) const {
    const hn::ScalableTag<float> d;
    StoreFirst(d, Value(sums, product, channel), product.channels - channel, results + channel);
  }
  HWY_INLINE void Store(DotVec sums, const Product& product, int64_t channel,
                        int8_t* results) const {
    const hn::ScalableTag<float> d;
    const auto clamped = hn::Min(hn::Max(Value(sums, product, channel), low), high);
    const auto biased = hn::BitCast(DotTag(), hn::Add(clamped, Bias(d)));  // codes in low bytes
#if HWY_TARGET == HWY_AVX2
    const hn::Rebind<uint8_t, DotTag> bytes;
    const auto codes = hn::TruncateTo(bytes, hn::BitCast(hn::RebindToUnsigned<DotTag>(), biased));
    StoreFirst(bytes, codes, product.channels - channel,
               reinterpret_cast<uint8_t*>(results + channel));
#else
    const int64_t left = product.channels - channel;
    // One instruction; Highway 1.0 takes five, and makes mistakes where there is VNNI.
    const __m128i codes = _mm512_cvtepi32_epi8(biased.raw);
    if (left >= kDotLanes)
      _mm_storeu_si128(reinterpret_cast<__m128i*>(results + channel), codes);
    else if (left > 0)  // slow
      _mm_mask_storeu_epi8(results + channel, static_cast<__mmask16>((1 << left) - 1), codes);
#endif
  }

 private:
  template <class D>
  static HWY_INLINE void StoreFirst(D d, V<D> v, int64_t n, Number<D>* to) {
    if (n >= kDotLanes) {
      hn::StoreU(v, d, to);
    } else if (n > 0) {
      HWY_ALIGN Number<D> all[kDotLanes];
      hn::StoreU(v, d, all);
      memcpy(to, all, static_cast<size_t>(n) * sizeof(Number<D>));
    }
  }
};

// kVectors vectors as fields, one in the next: GCC keeps the elements of an array in memory.
template <int kVectors>
struct WeightVectors {
  DotWeights<DotTag> weights;
  WeightVectors<kVectors - 1> rest;

  // The vectors of a panel lie together, panels `stride` bytes apart.
  HWY_INLINE void Load(const int8_t* panel, int64_t stride, int64_t first) {
    const hn::Repartition<int8_t, DotTag> bytes;
    const int8_t* from =
        panel + first / kPanelVectors * stride + first % kPanelVectors * kDotLanes * kQuad;
    weights = PrepareWeights(DotTag(), hn::BitCast(DotTag(), hn::LoadU(bytes, from)));
    rest.Load(panel, stride, first + 1);
  }
};
template <>
struct WeightVectors<0> {
  HWY_INLINE void Load(const int8_t*, int64_t, int64_t) {}
};

// Sums of one row.
template <int kVectors>
struct RowSums {
  DotVec sums;
  RowSums<kVectors - 1> rest;

  HWY_INLINE void Begin(const Product& product, int64_t channel) {
    const DotTag d;
    sums = hn::Mul(hn::LoadU(d, product.sums + channel), hn::Set(d, product.zero - kDotBias));
    rest.Begin(product, channel + kDotLanes);
  }
  HWY_INLINE void Add(const DotCodes<DotTag>& codes, const WeightVectors<kVectors>& weights) {
    sums = Dot(DotTag(), sums, codes, weights.weights);
    rest.Add(codes, weights.rest);
  }
  HWY_INLINE void Keep() {
    KeepInRegister(sums);
    rest.Keep();
  }
  template <typename T>
  HWY_INLINE void Store(const Finish& finish, const Product& product, int64_t channel,
                        T* results) const {
    finish.Store(sums, product, channel, results);
    rest.Store(finish, product, channel + kDotLanes, results);
  }
};
template <>
struct RowSums<0> {
  HWY_INLINE void Begin(const Product&, int64_t) {}
  HWY_INLINE void Add(const DotCodes<DotTag>&, const WeightVectors<0>&) {}
  HWY_INLINE void Keep() {}
  template <typename T>
  HWY_INLINE void Store(const Finish&, const Product&, int64_t, T*) const {}
};

// Sums of kRows rows.
template <int kRows, int kVectors>
struct TileSums {
  RowSums<kVectors> row;
  const int8_t* codes;
  TileSums<kRows - 1, kVectors> rest;

  HWY_INLINE void Begin(const Product& product, int64_t channel) {
    row.Begin(product, channel);
    rest.Begin(product, channel);
  }
  HWY_INLINE void SetTap(const int8_t* const* rows, int64_t taps) {
    codes = rows[0];
    rest.SetTap(rows + taps, taps);
  }
  // kCodes codes of a quad.
  template <int kCodes>
  HWY_INLINE void Add(int64_t depth, const WeightVectors<kVectors>& weights) {
    int32_t quad = 0;
    memcpy(&quad, codes + depth, kCodes);
    row.Add(PrepareCodes(DotTag(), hn::Set(DotTag(), quad)), weights);
    rest.template Add<kCodes>(depth, weights);
  }
  HWY_INLINE void Keep() {
    row.Keep();
    rest.Keep();
  }
  template <typename T>
  HWY_INLINE void Store(const Finish& finish, const Product& product, int64_t channel, T* results,
                        int64_t stride) const {
    row.Store(finish, product, channel, results);
    rest.Store(finish, product, channel, results + stride, stride);
  }
};
template <int kVectors>
struct TileSums<0, kVectors> {
  HWY_INLINE void Begin(const Product&, int64_t) {}
  HWY_INLINE void SetTap(const int8_t* const*, int64_t) {}
  template <int kCodes>
  HWY_INLINE void Add(int64_t, const WeightVectors<kVectors>&) {}
  HWY_INLINE void Keep() {}
  template <typename T>
  HWY_INLINE void Store(const Finish&, const Product&, int64_t, T*, int64_t) const {}
};

// kRows rows and kVectors vectors of channels from `channel` on.
template <int kRows, int kVectors, typename T>
HWY_NOINLINE void ProductTile(const int8_t* const* rows, const Product& product, int64_t channel,
                              T* results, int64_t stride) noexcept {
  const int64_t whole = product.depth / kQuad * kQuad, left = product.depth - whole;
  const int64_t panel_stride = packed_size(kPanelChannels, product.taps, product.depth);
  const int8_t* panel = product.weights + channel / kPanelChannels * panel_stride;
  TileSums<kRows, kVectors> tile;
  tile.Begin(product, channel);
  WeightVectors<kVectors> weights;
  for (int64_t tap = 0; tap < product.taps; ++tap) {
    tile.SetTap(rows + tap, product.taps);
    for (int64_t k = 0; k < whole; k += kQuad, panel += kPanelQuad) {
      weights.Load(panel, panel_stride, 0);
      tile.template Add<kQuad>(k, weights);
    }
    if (left == 0)
      continue;
    weights.Load(panel, panel_stride, 0);
    panel += kPanelQuad;
    if (left == 1)
      tile.template Add<1>(whole, weights);
    else if (left == 2)
      tile.template Add<2>(whole, weights);
    else
      tile.template Add<3>(whole, weights);
  }
  tile.Keep();
  tile.Store(Finish(product), product, channel, results, stride);
}

// All rows, kRows at a time and then fewer.
template <int kRows, int kVectors, typename T>
HWY_INLINE void ProductRows(const int8_t* const* rows, int64_t count, const Product& product,
                            int64_t channel, T* results, int64_t stride) noexcept {
  int64_t r = 0;
  for (; r + kRows <= count; r += kRows)
    ProductTile<kRows, kVectors>(rows + r * product.taps, product, channel, results + r * stride,
                                 stride);
  if constexpr (kRows > 1) {
    if (r < count)
      ProductRows<kRows / 2, kVectors>(rows + r * product.taps, count - r, product, channel,
                                       results + r * stride, stride);
  }
}

// The sums of a tile, a quad for a row and the weights of a quad fill the registers.
template <typename T>
void ProductOf(const int8_t* const* rows, int64_t count, const Product& product, T* results,
               int64_t stride) noexcept {
  int64_t channel = 0;
  while (channel < product.channels) {
    const int64_t panels = (product.channels - channel + kPanelChannels - 1) / kPanelChannels;
#if HWY_TARGET == HWY_AVX2
    ProductRows<4, 2>(rows, count, product, channel, results, stride);
    channel += kPanelChannels;
    static_cast<void>(panels);
#elif HWY_TARGET == HWY_AVX3
    if (panels >= 2) {
      ProductRows<6, 2>(rows, count, product, channel, results, stride);
      channel += 2 * kPanelChannels;
    } else {
      ProductRows<8, 1>(rows, count, product, channel, results, stride);
      channel += kPanelChannels;
    }
#else
    if (panels >= 6 || panels == 4) {
      ProductRows<6, 4>(rows, count, product, channel, results, stride);
      channel += 4 * kPanelChannels;
    } else if (panels >= 3) {
      ProductRows<8, 3>(rows, count, product, channel, results, stride);
      channel += 3 * kPanelChannels;
    } else if (panels == 2) {
      ProductRows<12, 2>(rows, count, product, channel, results, stride);
      channel += 2 * kPanelChannels;
    } else {
      ProductRows<12, 1>(rows, count, product, channel, results, stride);
      channel += kPanelChannels;
    }
#endif
  }
}

inline void ProductCodes(const int8_t* const* rows, int64_t count, const Product& product,
                         int8_t* codes, int64_t stride) noexcept {
  ProductOf(rows, count, product, codes, stride);
}
inline void ProductValues(const int8_t* const* rows, int64_t count, const Product& product,
                          float* values, int64_t stride) noexcept {
  ProductOf(rows, count, product, values, stride);
}

}  // namespace ff::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
