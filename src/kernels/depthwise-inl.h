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

// Four vectors of 8-bit codes of kWidth channels, one for each of four taps, interleaved so that
// the four codes of a channel lie together, as Dot wants them. Interleaving does that within blocks
// of 16 channels: of each block, vector v has the channels 4 v to 4 v + 3. All that belongs to a
// channel is arranged like that.
template <int kWidth>
struct Depthwise {
  using Bytes = hn::FixedTag<int8_t, kWidth>;
  using Words = hn::Repartition<int16_t, Bytes>;
  using Sums = hn::Repartition<int32_t, Bytes>;
  using Floats = hn::Repartition<float, Bytes>;
  static constexpr int kVectors = 4;
  static constexpr int kLanes = kWidth / kVectors;

  struct Codes {
    DotCodes<Sums> v0, v1, v2, v3;

    // Taps 4 * quad to 4 * quad + 3 of a column; weights of those that are missing are 0.
    HWY_INLINE Codes(const int8_t* const* column, int64_t height, int64_t quad, int64_t channel) {
      const auto load = [&](int64_t t) HWY_ATTR {
        const int64_t tap = kQuad * quad + t;
        return tap < height ? hn::LoadU(Bytes(), column[tap] + channel) : hn::Zero(Bytes());
      };
      const auto a = load(0), b = load(1), c = load(2), e = load(3);
      const auto ab = hn::BitCast(Words(), hn::InterleaveLower(Bytes(), a, b)),
                 ce = hn::BitCast(Words(), hn::InterleaveLower(Bytes(), c, e)),
                 ab_upper = hn::BitCast(Words(), hn::InterleaveUpper(Bytes(), a, b)),
                 ce_upper = hn::BitCast(Words(), hn::InterleaveUpper(Bytes(), c, e));
      const Sums d;
      v0 = PrepareCodes(d, hn::BitCast(d, hn::InterleaveLower(Words(), ab, ce)));
      v1 = PrepareCodes(d, hn::BitCast(d, hn::InterleaveUpper(Words(), ab, ce)));
      v2 = PrepareCodes(d, hn::BitCast(d, hn::InterleaveLower(Words(), ab_upper, ce_upper)));
      v3 = PrepareCodes(d, hn::BitCast(d, hn::InterleaveUpper(Words(), ab_upper, ce_upper)));
    }
  };

  // The sums of one window.
  struct Window {
    hn::Vec<Sums> v0, v1, v2, v3;

    HWY_INLINE void Begin(const int32_t* start) {
      const Sums d;
      v0 = hn::Load(d, start);
      v1 = hn::Load(d, start + kLanes);
      v2 = hn::Load(d, start + 2 * kLanes);
      v3 = hn::Load(d, start + 3 * kLanes);
    }
    HWY_INLINE void Add(const Codes& codes, const int8_t* weights) {
      v0 = Added(v0, codes.v0, weights);
      v1 = Added(v1, codes.v1, weights + kWidth);
      v2 = Added(v2, codes.v2, weights + 2 * kWidth);
      v3 = Added(v3, codes.v3, weights + 3 * kWidth);
    }
    HWY_INLINE void Keep() {
      KeepInRegister(v0);
      KeepInRegister(v1);
      KeepInRegister(v2);
      KeepInRegister(v3);
    }

   private:
    static HWY_INLINE hn::Vec<Sums> Added(hn::Vec<Sums> sums, const DotCodes<Sums>& codes,
                                          const int8_t* weights) {
      const Sums d;
      return Dot(d, sums, codes, PrepareWeights(d, hn::BitCast(d, hn::Load(Bytes(), weights))));
    }
  };

  // kWindows windows side by side, kStride columns apart, of kColumns columns each: as fields, one
  // in the next, since GCC keeps the elements of an array in memory.
  template <int kWindows, int kColumns, int kStride>
  struct Windows {
    Window first;
    Windows<kWindows - 1, kColumns, kStride> rest;

    HWY_INLINE void Begin(const int32_t* start) {
      first.Begin(start);
      rest.Begin(start);
    }
    // Column kColumn, counted from that where the first window begins. `weights`: those of its quad
    // in the first column; `step`: bytes to the next column.
    template <int kColumn>
    HWY_INLINE void Add(const Codes& codes, const int8_t* weights, int64_t step) {
      if constexpr (kColumn >= 0 && kColumn < kColumns)
        first.Add(codes, weights + kColumn * step);
      rest.template Add<kColumn - kStride>(codes, weights, step);
    }
    HWY_INLINE void Keep() {
      first.Keep();
      rest.Keep();
    }
  };
  template <int kColumns, int kStride>
  struct Windows<0, kColumns, kStride> {
    HWY_INLINE void Begin(const int32_t*) {}
    template <int kColumn>
    HWY_INLINE void Add(const Codes&, const int8_t*, int64_t) {}
    HWY_INLINE void Keep() {}
  };
};

// Windows that are computed together: neighbours share columns, which are interleaved once. As many
// as registers hold.
#if HWY_TARGET == HWY_AVX3_DL
constexpr int kWindowsAtOnce = 4;
#elif HWY_TARGET == HWY_AVX3
constexpr int kWindowsAtOnce = 2;
#else
constexpr int kWindowsAtOnce = 1;
#endif

// What kWidth channels need, arranged.
template <int kWidth>
class DepthwiseChunk {
  using Arranged = Depthwise<kWidth>;
  using Bytes = typename Arranged::Bytes;
  using Sums = typename Arranged::Sums;
  using Floats = typename Arranged::Floats;
  static constexpr int kVectors = Arranged::kVectors;
  static constexpr int kLanes = Arranged::kLanes;
  static constexpr int kBlock = 16;
  // Of the taps of a window four make a quad, or fewer at the end of each column.
  static constexpr int64_t kQuads = kDepthwiseTaps;

 public:
  // `present` channels from `channel` on; the others are computed and not stored.
  HWY_INLINE DepthwiseChunk(const Lines& lines, const Product& product, int64_t channel,
                            int64_t present)
      : height_(lines.height),
        width_(lines.width),
        quads_((lines.height + kQuad - 1) / kQuad),
        present_(present),
        channels_(product.channels),
        low_(product.low),
        high_(product.high) {
    const int64_t all = width_ * quads_;
    if (present == kWidth && channel % kPanelChannels == 0)
      ArrangeBlocks(product, all, channel);
    else
      ArrangeChannels(product, all, channel);
    const Sums d;
    const auto bias = hn::Set(d, product.zero - kDotBias);
    for (int i = 0; i < kWidth; i += kLanes)
      hn::Store(hn::Mul(hn::Load(d, start_ + i), bias), d, start_ + i);
  }

  // One line of windows of kHeight x kColumns taps, kStride apart. `next`: the columns of the line
  // below, whose codes of all channels are fetched on the way, or null.
  template <int kHeight, int kColumns, int kStride, typename T>
  HWY_INLINE void Line(const int8_t* const* columns, const int8_t* const* next, int64_t windows,
                       int64_t channel, T* results, int64_t stride) const {
    int64_t x = 0;
    for (; x + kWindowsAtOnce <= windows; x += kWindowsAtOnce) {
      if (next != nullptr)
        Fetch<kHeight, kStride>(next + x * kStride * kHeight);
      Tile<kWindowsAtOnce, kHeight, kColumns, kStride>(columns + x * kStride * kHeight, channel,
                                                       results + x * stride, stride);
    }
    for (; x < windows; ++x)
      Tile<1, kHeight, kColumns, kStride>(columns + x * kStride * kHeight, channel,
                                          results + x * stride, stride);
  }

  // One window of any shape.
  template <typename T>
  HWY_INLINE void One(const int8_t* const* columns, int64_t dilation, int64_t channel,
                      T* results) const {
    typename Arranged::Window window;
    window.Begin(start_);
    const int8_t* weights = weights_;
    for (int64_t x = 0; x < width_; ++x, columns += dilation * height_) {
      for (int64_t q = 0; q < quads_; ++q, weights += kVectors * kWidth)
        window.Add(typename Arranged::Codes(columns, height_, q, channel), weights);
    }
    window.Keep();
    Finish(window, results);
  }

 private:
  using SumVec = hn::Vec<Sums>;
  using FloatVec = hn::Vec<Floats>;

  // What the line below has and this one has not. Other chunks follow and find it in the cache:
  // reading ahead, as processors do it, fails where only a part of each pixel is read.
  template <int kHeight, int kStride>
  HWY_INLINE void Fetch(const int8_t* const* columns) const {
    constexpr int64_t kLine = 64;
    for (int x = 0; x < kWindowsAtOnce * kStride; ++x, columns += kHeight) {
      for (int y = kHeight - kStride; y < kHeight; ++y) {
        for (int64_t i = 0; i < channels_; i += kLine)
          hwy::Prefetch(columns[y] + i);
      }
    }
  }
  template <int kWindows, int kHeight, int kColumns, int kStride, typename T>
  HWY_INLINE void Tile(const int8_t* const* columns, int64_t channel, T* results,
                       int64_t stride) const {
    typename Arranged::template Windows<kWindows, kColumns, kStride> windows;
    windows.Begin(start_);
    AddColumns<0, (kWindows - 1) * kStride + kColumns, kHeight>(windows, columns, channel);
    windows.Keep();
    FinishAll(windows, results, stride);
  }
  template <int kColumn, int kEnd, int kHeight, class Windows>
  HWY_INLINE void AddColumns(Windows& windows, const int8_t* const* columns,
                             int64_t channel) const {
    constexpr int64_t kQuadsOfColumn = (kHeight + kQuad - 1) / kQuad;
    constexpr int64_t kQuadBytes = kVectors * kWidth;
    if constexpr (kColumn < kEnd) {
      for (int64_t q = 0; q < kQuadsOfColumn; ++q)
        windows.template Add<kColumn>(
            typename Arranged::Codes(columns + kColumn * kHeight, kHeight, q, channel),
            weights_ + q * kQuadBytes, kQuadsOfColumn * kQuadBytes);
      AddColumns<kColumn + 1, kEnd, kHeight>(windows, columns, channel);
    }
  }
  template <int kWindows, int kColumns, int kStride, typename T>
  HWY_INLINE void FinishAll(
      const typename Arranged::template Windows<kWindows, kColumns, kStride>& windows, T* results,
      int64_t stride) const {
    if constexpr (kWindows > 0) {
      Finish(windows.first, results);
      FinishAll(windows.rest, results + stride, stride);
    }
  }
  template <typename T>
  HWY_INLINE void Finish(const typename Arranged::Window& window, T* results) const {
    Store(Value(window.v0, 0), Value(window.v1, 1), Value(window.v2, 2), Value(window.v3, 3),
          results);
  }

  // Whole blocks of channels: four of a block lie together here and there.
  HWY_INLINE void ArrangeBlocks(const Product& product, int64_t all, int64_t channel) {
    constexpr int kTogether = kBlock / kVectors;
    constexpr size_t kBytes = kTogether * sizeof(int32_t);
    for (int block = 0; block < kWidth / kBlock; ++block) {
      for (int v = 0; v < kVectors; ++v) {
        const int at = v * kLanes + block * kTogether;
        const int64_t from = channel + block * kBlock + v * kTogether;
        memcpy(start_ + at, product.sums + from, kBytes);
        memcpy(factor_ + at, product.factor + from, kBytes);
        memcpy(shift_ + at, product.shift + from, kBytes);
        const int8_t* weights = product.weights +
                                from / kPanelChannels * all * kPanelChannels * kQuad +
                                from % kPanelChannels * kQuad;
        for (int64_t q = 0; q < all; ++q)
          memcpy(weights_ + q * kVectors * kWidth + at * kQuad,
                 weights + q * kPanelChannels * kQuad, kBytes);
      }
    }
  }
  HWY_INLINE void ArrangeChannels(const Product& product, int64_t all, int64_t channel) {
    for (int c = 0; c < kWidth; ++c) {
      const int64_t from = channel + HWY_MIN(c, present_ - 1);
      const int at = c % kBlock / kVectors * kLanes + c / kBlock * kVectors + c % kVectors;
      start_[at] = product.sums[from];
      factor_[at] = product.factor[from];
      shift_[at] = product.shift[from];
      const int8_t* weights = product.weights +
                              from / kPanelChannels * all * kPanelChannels * kQuad +
                              from % kPanelChannels * kQuad;
      for (int64_t q = 0; q < all; ++q)
        memcpy(weights_ + q * kVectors * kWidth + at * kQuad, weights + q * kPanelChannels * kQuad,
               kQuad);
    }
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

  int64_t height_, width_, quads_, present_, channels_;
  float low_, high_;
  HWY_ALIGN int8_t weights_[kQuads * kVectors * kWidth];
  HWY_ALIGN int32_t start_[kWidth];
  HWY_ALIGN float factor_[kWidth];
  HWY_ALIGN float shift_[kWidth];
};

// All lines, for kWidth channels from `channel` on.
template <int kWidth, typename T>
HWY_NOINLINE void DepthwiseLines(const int8_t* const* columns, const Lines& lines,
                                 const Product& product, int64_t channel, T* results,
                                 int64_t stride) noexcept {
  const DepthwiseChunk<kWidth> chunk(lines, product, channel, kWidth);
  const int64_t step = lines.columns() * lines.height, windows = lines.results;
  const auto is = [&](int64_t size, int64_t distance) {
    return lines.height == size && lines.width == size && lines.stride == distance &&
           lines.dilation == 1;
  };
  const bool is_3 = is(3, 1), is_3_half = is(3, 2), is_5 = is(5, 1), is_5_half = is(5, 2);
  results += channel;
  for (int64_t line = 0; line < lines.count; ++line) {
    const int8_t* const* next = channel == 0 && line + 1 < lines.count ? columns + step : nullptr;
    if (is_3)
      chunk.template Line<3, 3, 1>(columns, next, windows, channel, results, stride);
    else if (is_3_half)
      chunk.template Line<3, 3, 2>(columns, next, windows, channel, results, stride);
    else if (is_5)
      chunk.template Line<5, 5, 1>(columns, next, windows, channel, results, stride);
    else if (is_5_half)
      chunk.template Line<5, 5, 2>(columns, next, windows, channel, results, stride);
    else
      for (int64_t x = 0; x < windows; ++x)
        chunk.One(columns + x * lines.stride * lines.height, lines.dilation, channel,
                  results + x * stride);
    columns += step;
    results += windows * stride;
  }
}

// Fewer channels than the shortest vector: their codes are copied first.
template <typename T>
HWY_NOINLINE void DepthwiseFew(const int8_t* const* columns, const Lines& lines,
                               const Product& product, T* results, int64_t stride) noexcept {
  constexpr int kWidth = 16;
  const DepthwiseChunk<kWidth> chunk(lines, product, 0, product.channels);
  HWY_ALIGN int8_t codes[kDepthwiseTaps * kWidth] = {};
  const int8_t* taps[kDepthwiseTaps];
  for (int64_t t = 0; t < kDepthwiseTaps; ++t)
    taps[t] = codes + t * kWidth;
  for (int64_t row = 0; row < lines.count * lines.results; ++row) {
    const int64_t line = row / lines.results, first = row % lines.results * lines.stride;
    for (int64_t x = 0; x < lines.width; ++x) {
      const int8_t* const* column =
          columns + (line * lines.columns() + first + x * lines.dilation) * lines.height;
      for (int64_t y = 0; y < lines.height; ++y)
        memcpy(codes + (x * lines.height + y) * kWidth, column[y],
               static_cast<size_t>(product.channels));
    }
    chunk.One(taps, 1, 0, results + row * stride);
  }
}

template <typename T>
void DepthwiseOf(const int8_t* const* columns, const Lines& lines, const Product& product,
                 T* results, int64_t stride) noexcept {
  constexpr int kMost = HWY_MIN(64, static_cast<int>(hn::MaxLanes(hn::ScalableTag<int8_t>())));
  constexpr int kLeast = 16;
  const int64_t channels = product.channels;
  if (channels < kLeast)
    return DepthwiseFew(columns, lines, product, results, stride);
  int64_t channel = 0;
  for (; channel + kMost <= channels; channel += kMost)
    DepthwiseLines<kMost>(columns, lines, product, channel, results, stride);
  if constexpr (kMost == 64) {
    if (channel + 32 <= channels) {
      DepthwiseLines<32>(columns, lines, product, channel, results, stride);
      channel += 32;
    }
  }
  for (; channel + kLeast <= channels; channel += kLeast)
    DepthwiseLines<kLeast>(columns, lines, product, channel, results, stride);
  if (channel < channels)  // some are computed again
    DepthwiseLines<kLeast>(columns, lines, product, channels - kLeast, results, stride);
}

inline void DepthwiseCodes(const int8_t* const* columns, const Lines& lines, const Product& product,
                           int8_t* codes, int64_t stride) noexcept {
  DepthwiseOf(columns, lines, product, codes, stride);
}
inline void DepthwiseValues(const int8_t* const* columns, const Lines& lines,
                            const Product& product, float* values, int64_t stride) noexcept {
  DepthwiseOf(columns, lines, product, values, stride);
}

}  // namespace ff::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
