// Weights of channels in the order of their interleaved codes, and the way back. Per-target header.
#if defined(FF_KERNELS_ARRANGED_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FF_KERNELS_ARRANGED_INL_H_
#undef FF_KERNELS_ARRANGED_INL_H_
#else
#define FF_KERNELS_ARRANGED_INL_H_
#endif

#include <string.h>

#include "hwy/highway.h"
#include "kernels/dot-inl.h"
#include "kernels/product.h"
#include "kernels/windows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ff::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_AVX2
HWY_INLINE hn::Vec512<int32_t> RoundToInt(hn::Vec512<float> y) {
  return hn::Vec512<int32_t>{_mm512_cvtps_epi32(y.raw)};
}
HWY_INLINE hn::Vec512<int8_t> NarrowToBytes(hn::Vec512<int16_t> a, hn::Vec512<int16_t> b) {
  return hn::Vec512<int8_t>{_mm512_packs_epi16(a.raw, b.raw)};
}
#endif
HWY_INLINE hn::Vec256<int32_t> RoundToInt(hn::Vec256<float> y) {
  return hn::Vec256<int32_t>{_mm256_cvtps_epi32(y.raw)};
}
HWY_INLINE hn::Vec128<int32_t> RoundToInt(hn::Vec128<float> y) {
  return hn::Vec128<int32_t>{_mm_cvtps_epi32(y.raw)};
}
HWY_INLINE hn::Vec256<int8_t> NarrowToBytes(hn::Vec256<int16_t> a, hn::Vec256<int16_t> b) {
  return hn::Vec256<int8_t>{_mm256_packs_epi16(a.raw, b.raw)};
}
HWY_INLINE hn::Vec128<int8_t> NarrowToBytes(hn::Vec128<int16_t> a, hn::Vec128<int16_t> b) {
  return hn::Vec128<int8_t>{_mm_packs_epi16(a.raw, b.raw)};
}

// What turns the sums of windows into results, in registers: loaded once for all windows of a tile,
// since for all that the compiler knows storing results changes it.
template <int kWidth>
struct DepthwiseFinish {
  using Arranged = Depthwise<kWidth>;
  using Bytes = typename Arranged::Bytes;
  using Floats = typename Arranged::Floats;
  using FloatVec = hn::Vec<Floats>;
  static constexpr int kVectors = Arranged::kVectors;
  static constexpr int kLanes = Arranged::kLanes;

  HWY_INLINE DepthwiseFinish(const float* factor, const float* shift, float low, float high) {
    const Floats d;
    factor0_ = hn::Load(d, factor);
    factor1_ = hn::Load(d, factor + kLanes);
    factor2_ = hn::Load(d, factor + 2 * kLanes);
    factor3_ = hn::Load(d, factor + 3 * kLanes);
    shift0_ = hn::Load(d, shift);
    shift1_ = hn::Load(d, shift + kLanes);
    shift2_ = hn::Load(d, shift + 2 * kLanes);
    shift3_ = hn::Load(d, shift + 3 * kLanes);
    high_ = hn::Set(d, high);
    low_ = hn::Set(Bytes(), static_cast<int8_t>(low));
  }

  template <typename T>
  HWY_INLINE void Store(const typename Arranged::Window& sums, T* results) const {
    const Floats d;
    Store(hn::MulAdd(hn::ConvertTo(d, sums.v0), factor0_, shift0_),
          hn::MulAdd(hn::ConvertTo(d, sums.v1), factor1_, shift1_),
          hn::MulAdd(hn::ConvertTo(d, sums.v2), factor2_, shift2_),
          hn::MulAdd(hn::ConvertTo(d, sums.v3), factor3_, shift3_), results);
  }
  // Windows side by side, whose results are `stride` apart.
  template <class Windows, typename T>
  HWY_INLINE void StoreAll(const Windows& windows, T* results, int64_t stride) const {
    if constexpr (Windows::kCount > 0) {
      Store(windows.first, results);
      StoreAll(windows.rest, results + stride, stride);
    }
  }

 private:
  // Numbers below all integers become the least one, and narrowing saturates: so the lower bound
  // can wait until codes are bytes. Narrowing puts the channels of a block into order again.
  HWY_INLINE void Store(FloatVec y0, FloatVec y1, FloatVec y2, FloatVec y3, int8_t* results) const {
    const auto code = [&](FloatVec y) HWY_ATTR { return RoundToInt(hn::Min(y, high_)); };
    const hn::Repartition<int16_t, Bytes> d;
    const auto codes = hn::Max(NarrowToBytes(hn::ReorderDemote2To(d, code(y0), code(y1)),
                                             hn::ReorderDemote2To(d, code(y2), code(y3))),
                               low_);
    hn::StoreU(codes, Bytes(), results);
  }
  HWY_INLINE void Store(FloatVec y0, FloatVec y1, FloatVec y2, FloatVec y3, float* results) const {
    constexpr int kBlock = Arranged::kBlock, kTogether = kBlock / kVectors;
    const Floats d;
    HWY_ALIGN float arranged[kWidth];
    hn::Store(y0, d, arranged);
    hn::Store(y1, d, arranged + kLanes);
    hn::Store(y2, d, arranged + 2 * kLanes);
    hn::Store(y3, d, arranged + 3 * kLanes);
    for (int i = 0; i < kWidth; i += kTogether)
      memcpy(results + i, arranged + Arranged::Place(i), kTogether * sizeof(float));
  }

  FloatVec factor0_, factor1_, factor2_, factor3_, shift0_, shift1_, shift2_, shift3_, high_;
  hn::Vec<Bytes> low_;
};

// What the product of kWidth channels needs, arranged.
template <int kWidth>
class ArrangedChannels {
  using Arranged = Depthwise<kWidth>;
  using Bytes = typename Arranged::Bytes;
  using Sums = typename Arranged::Sums;
  static constexpr int kVectors = Arranged::kVectors;
  static constexpr int kLanes = Arranged::kLanes;
  static constexpr int64_t kQuadBytes = Arranged::kQuadBytes;

 public:
  // `present` channels from `channel` on; the others have the numbers of the last.
  HWY_INLINE ArrangedChannels(const Lines& lines, const Product& product, int64_t channel,
                              int64_t present)
      : columns_(lines.width),
        quads_((lines.height + kQuad - 1) / kQuad),
        low_(product.low),
        high_(product.high) {
    // Channels that lie together here and there.
    constexpr int kTogether = Arranged::kBlock / kVectors;
    if (present == kWidth && channel % kPanelChannels == 0) {
      for (int c = 0; c < kWidth; c += kTogether)
        Arrange<kTogether>(product, channel + c, Arranged::Place(c));
    } else {
      for (int c = 0; c < kWidth; ++c)
        Arrange<1>(product, channel + HWY_MIN(c, present - 1), Arranged::Place(c));
    }
    if (IsByRow(lines.height, lines.width))
      ArrangeRow();
    const Sums d;
    const auto bias = hn::Set(d, product.zero - kDotBias);
    for (int i = 0; i < kWidth; i += kLanes)
      hn::Store(hn::Mul(hn::Load(d, start_ + i), bias), d, start_ + i);
  }

  // What sums begin with.
  HWY_INLINE const int32_t* start() const {
    return start_;
  }
  // Quads of the columns, one column after the other.
  HWY_INLINE const int8_t* weights() const {
    return weights_;
  }
  // Quads of the last taps of all columns, see Windows::AddRow.
  HWY_INLINE const int8_t* row_weights() const {
    return weights_ + columns_ * quads_ * kQuadBytes;
  }
  HWY_INLINE DepthwiseFinish<kWidth> finish() const {
    return {factor_, shift_, low_, high_};
  }

 private:
  // kCount channels.
  template <int kCount>
  HWY_INLINE void Arrange(const Product& product, int64_t from, int at) {
    memcpy(start_ + at, product.sums + from, kCount * sizeof(int32_t));
    memcpy(factor_ + at, product.factor + from, kCount * sizeof(float));
    memcpy(shift_ + at, product.shift + from, kCount * sizeof(float));
    const int64_t all = columns_ * quads_;
    const int8_t* weights = product.weights + from / kPanelChannels * all * kPanelChannels * kQuad +
                            from % kPanelChannels * kQuad;
    for (int64_t q = 0; q < all; ++q)
      memcpy(weights_ + q * kQuadBytes + at * kQuad, weights + q * kPanelChannels * kQuad,
             kCount * kQuad);
  }
  // The last taps of five columns as two quads, for windows that begin 0, 1, 2 or 3 columns behind
  // the first of a quad.
  HWY_INLINE void ArrangeRow() {
    const hn::Repartition<uint32_t, Bytes> d;
    const hn::Repartition<uint8_t, Bytes> bytes;
    auto* weights = reinterpret_cast<uint8_t*>(weights_);
    for (int64_t i = 0; i < kQuadBytes; i += kWidth) {
      const auto last = [&](int64_t column) HWY_ATTR {
        const uint8_t* quad = weights + ((column + 1) * quads_ - 1) * kQuadBytes;
        return hn::BitCast(d, hn::Load(bytes, quad + i));
      };
      auto low = hn::Or(hn::Or(last(0), hn::ShiftLeft<8>(last(1))),
                        hn::Or(hn::ShiftLeft<16>(last(2)), hn::ShiftLeft<24>(last(3))));
      auto high = last(4);
      uint8_t* row = weights + columns_ * quads_ * kQuadBytes + i;
      for (int64_t first = 0; first < kQuad; ++first, row += 2 * kQuadBytes) {
        hn::Store(hn::BitCast(bytes, low), bytes, row);
        hn::Store(hn::BitCast(bytes, high), bytes, row + kQuadBytes);
        high = hn::Or(hn::ShiftLeft<8>(high), hn::ShiftRight<24>(low));
        low = hn::ShiftLeft<8>(low);
      }
    }
  }

  // Of the taps of a window four make a quad, or fewer at the end of each column.
  static constexpr int64_t kQuads = kDepthwiseTaps;

  int64_t columns_, quads_;
  float low_, high_;
  HWY_ALIGN int8_t weights_[kQuads * kQuadBytes];
  HWY_ALIGN int32_t start_[kWidth];
  HWY_ALIGN float factor_[kWidth];
  HWY_ALIGN float shift_[kWidth];
};

}  // namespace ff::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
