// Products of each channel by itself. Per-target header.
#if defined(FF_KERNELS_DEPTHWISE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FF_KERNELS_DEPTHWISE_INL_H_
#undef FF_KERNELS_DEPTHWISE_INL_H_
#else
#define FF_KERNELS_DEPTHWISE_INL_H_
#endif

#include <string.h>

#include "hwy/highway.h"
#include "kernels/dot-inl.h"
#include "kernels/grid-inl.h"
#include "kernels/product.h"

HWY_BEFORE_NAMESPACE();
namespace ff::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// kWidth channels at once. Four codes of a channel, one of each of four taps, must lie together for
// Dot. Interleaving does that within blocks of 16 channels: of each block, vector v has the
// channels 4 v to 4 v + 3. All that belongs to a channel is arranged like that.
template <int kWidth>
class DepthwiseChunk {
  using Bytes = hn::FixedTag<int8_t, kWidth>;
  using Words = hn::Repartition<int16_t, Bytes>;
  using Sums = hn::Repartition<int32_t, Bytes>;
  using Floats = hn::Repartition<float, Bytes>;
  static constexpr int kVectors = 4;
  static constexpr int kLanes = kWidth / kVectors;
  static constexpr int64_t kQuads = kDepthwiseTaps / kQuad;

 public:
  // `present` channels from `channel` on; the others are computed and not stored.
  HWY_INLINE DepthwiseChunk(const Product& product, int64_t channel, int64_t present)
      : taps_(product.taps),
        quads_((product.taps + kQuad - 1) / kQuad),
        present_(present),
        low_(product.low),
        high_(product.high) {
    for (int c = 0; c < kWidth; ++c) {
      const int64_t from = channel + HWY_MIN(c, present - 1);
      const int at = c % 16 / 4 * kLanes + c / 16 * 4 + c % 4;
      start_[at] = static_cast<int32_t>(static_cast<uint32_t>(product.sums[from]) *
                                        static_cast<uint32_t>(product.zero - kDotBias));
      factor_[at] = product.factor[from];
      shift_[at] = product.shift[from];
      const int8_t* weights = product.weights +
                              from / kPanelChannels * quads_ * kPanelChannels * kQuad +
                              from % kPanelChannels * kQuad;
      for (int64_t q = 0; q < quads_; ++q)
        memcpy(weights_ + (q * kVectors * kLanes + at) * kQuad,
               weights + q * kPanelChannels * kQuad, kQuad);
    }
  }

  // The results of one row, whose codes are at taps[t] + channel.
  template <typename T>
  HWY_INLINE void Run(const int8_t* const* taps, int64_t channel, T* results) const {
    const Sums d;
    auto sum0 = hn::Load(d, start_), sum1 = hn::Load(d, start_ + kLanes),
         sum2 = hn::Load(d, start_ + 2 * kLanes), sum3 = hn::Load(d, start_ + 3 * kLanes);
    for (int64_t q = 0; q < quads_; ++q) {
      // Weights that are missing are 0, so any codes do.
      const auto codes = [&](int64_t t) HWY_ATTR {
        return hn::LoadU(Bytes(), taps[HWY_MIN(kQuad * q + t, taps_ - 1)] + channel);
      };
      const auto a = codes(0), b = codes(1), c = codes(2), e = codes(3);
      const auto ab = hn::BitCast(Words(), hn::InterleaveLower(Bytes(), a, b)),
                 ce = hn::BitCast(Words(), hn::InterleaveLower(Bytes(), c, e)),
                 ab_upper = hn::BitCast(Words(), hn::InterleaveUpper(Bytes(), a, b)),
                 ce_upper = hn::BitCast(Words(), hn::InterleaveUpper(Bytes(), c, e));
      const int8_t* weights = weights_ + q * kVectors * kWidth;
      sum0 = Add(sum0, hn::InterleaveLower(Words(), ab, ce), weights);
      sum1 = Add(sum1, hn::InterleaveUpper(Words(), ab, ce), weights + kWidth);
      sum2 = Add(sum2, hn::InterleaveLower(Words(), ab_upper, ce_upper), weights + 2 * kWidth);
      sum3 = Add(sum3, hn::InterleaveUpper(Words(), ab_upper, ce_upper), weights + 3 * kWidth);
    }
    Store(Value(sum0, 0), Value(sum1, 1), Value(sum2, 2), Value(sum3, 3), results);
  }

 private:
  using SumVec = hn::Vec<Sums>;
  using FloatVec = hn::Vec<Floats>;

  static HWY_INLINE SumVec Add(SumVec sums, hn::Vec<Words> codes, const int8_t* weights) {
    const Sums d;
    return Dot(d, sums, PrepareCodes(d, hn::BitCast(d, codes)),
               PrepareWeights(d, hn::BitCast(d, hn::Load(Bytes(), weights))));
  }
  HWY_INLINE FloatVec Value(SumVec sums, int vector) const {
    const Floats d;
    return hn::MulAdd(hn::ConvertTo(d, sums), hn::Load(d, factor_ + vector * kLanes),
                      hn::Load(d, shift_ + vector * kLanes));
  }

  // The code in the lowest byte, see Bias.
  HWY_INLINE SumVec Code(FloatVec y) const {
    const Floats d;
    const auto clamped = hn::Min(hn::Max(y, hn::Set(d, low_)), hn::Set(d, high_));
    return hn::BitCast(Sums(), hn::Add(clamped, Bias(d)));
  }
  HWY_INLINE void Store(FloatVec y0, FloatVec y1, FloatVec y2, FloatVec y3, int8_t* results) const {
    const Sums d;
    const auto byte = hn::Set(d, 0xff);
    const auto low = hn::Or(hn::And(Code(y0), byte), hn::ShiftLeft<8>(hn::And(Code(y1), byte)));
    const auto high =
        hn::Or(hn::ShiftLeft<16>(hn::And(Code(y2), byte)), hn::ShiftLeft<24>(Code(y3)));
    HWY_ALIGN static constexpr int8_t kOrder[16] = {0, 4, 8,  12, 1, 5, 9,  13,
                                                    2, 6, 10, 14, 3, 7, 11, 15};
    const auto codes = hn::TableLookupBytes(hn::BitCast(Bytes(), hn::Or(low, high)),
                                            hn::LoadDup128(Bytes(), kOrder));
    if (present_ == kWidth) {
      hn::StoreU(codes, Bytes(), results);
    } else {
      HWY_ALIGN int8_t all[kWidth];
      hn::Store(codes, Bytes(), all);
      memcpy(results, all, static_cast<size_t>(present_));
    }
  }
  HWY_INLINE void Store(FloatVec y0, FloatVec y1, FloatVec y2, FloatVec y3, float* results) const {
    const Floats d;
    HWY_ALIGN float arranged[kWidth], all[kWidth];
    hn::Store(y0, d, arranged);
    hn::Store(y1, d, arranged + kLanes);
    hn::Store(y2, d, arranged + 2 * kLanes);
    hn::Store(y3, d, arranged + 3 * kLanes);
    for (int block = 0; block < kWidth / 16; ++block) {
      for (int v = 0; v < kVectors; ++v)
        memcpy(all + 16 * block + 4 * v, arranged + v * kLanes + 4 * block, 4 * sizeof(float));
    }
    memcpy(results, all, static_cast<size_t>(present_) * sizeof(float));
  }

  int64_t taps_, quads_, present_;
  float low_, high_;
  HWY_ALIGN int8_t weights_[kQuads * kVectors * kWidth];
  HWY_ALIGN int32_t start_[kWidth];
  HWY_ALIGN float factor_[kWidth];
  HWY_ALIGN float shift_[kWidth];
};

// All rows, for kWidth channels from `channel` on.
template <int kWidth, typename T>
HWY_NOINLINE void DepthwiseRows(const int8_t* const* rows, int64_t count, const Product& product,
                                int64_t channel, T* results, int64_t stride) noexcept {
  const DepthwiseChunk<kWidth> chunk(product, channel, kWidth);
  for (int64_t r = 0; r < count; ++r)
    chunk.Run(rows + r * product.taps, channel, results + r * stride + channel);
}

// Fewer channels than the shortest vector: their codes are copied first.
template <typename T>
HWY_NOINLINE void DepthwiseFew(const int8_t* const* rows, int64_t count, const Product& product,
                               T* results, int64_t stride) noexcept {
  constexpr int kWidth = 16;
  const DepthwiseChunk<kWidth> chunk(product, 0, product.channels);
  HWY_ALIGN int8_t codes[kDepthwiseTaps * kWidth] = {};
  const int8_t* taps[kDepthwiseTaps];
  for (int64_t t = 0; t < product.taps; ++t)
    taps[t] = codes + t * kWidth;
  for (int64_t r = 0; r < count; ++r) {
    for (int64_t t = 0; t < product.taps; ++t)
      memcpy(codes + t * kWidth, rows[r * product.taps + t], static_cast<size_t>(product.channels));
    chunk.Run(taps, 0, results + r * stride);
  }
}

template <typename T>
void DepthwiseOf(const int8_t* const* rows, int64_t count, const Product& product, T* results,
                 int64_t stride) noexcept {
  constexpr int kMost = HWY_MIN(64, static_cast<int>(hn::MaxLanes(hn::ScalableTag<int8_t>())));
  constexpr int kLeast = 16;
  const int64_t channels = product.channels;
  if (channels < kLeast)
    return DepthwiseFew(rows, count, product, results, stride);
  int64_t channel = 0;
  for (; channel + kMost <= channels; channel += kMost)
    DepthwiseRows<kMost>(rows, count, product, channel, results, stride);
  if constexpr (kMost == 64) {
    if (channel + 32 <= channels) {
      DepthwiseRows<32>(rows, count, product, channel, results, stride);
      channel += 32;
    }
  }
  for (; channel + kLeast <= channels; channel += kLeast)
    DepthwiseRows<kLeast>(rows, count, product, channel, results, stride);
  if (channel < channels)  // some are computed again
    DepthwiseRows<kLeast>(rows, count, product, channels - kLeast, results, stride);
}

inline void DepthwiseCodes(const int8_t* const* rows, int64_t count, const Product& product,
                           int8_t* codes, int64_t stride) noexcept {
  DepthwiseOf(rows, count, product, codes, stride);
}
inline void DepthwiseValues(const int8_t* const* rows, int64_t count, const Product& product,
                            float* values, int64_t stride) noexcept {
  DepthwiseOf(rows, count, product, values, stride);
}

}  // namespace ff::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
