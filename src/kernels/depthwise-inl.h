// Products of each channel by itself. Per-target header.
#if defined(FF_KERNELS_DEPTHWISE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FF_KERNELS_DEPTHWISE_INL_H_
#undef FF_KERNELS_DEPTHWISE_INL_H_
#else
#define FF_KERNELS_DEPTHWISE_INL_H_
#endif

#include <string.h>

#include "hwy/highway.h"
#include "kernels/arranged-inl.h"
#include "kernels/product.h"
#include "kernels/windows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ff::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The lines that are computed next. While others are computed their memory is fetched: processors
// read ahead only where memory is read one after the other.
template <int kHeight, int kStride, typename T>
class NextLines {
 public:
  // `results`: those of the first of `lines`.
  HWY_INLINE NextLines(const int8_t* const* columns, const Lines& lines, T* results, int64_t stride)
      : columns_(lines.next),
        above_(columns + (lines.count - 1) * lines.columns() * kHeight),
        results_(results + lines.count * lines.results * stride),
        left_(lines.next_count) {}

  // These channels for kWindows windows from `first` on.
  template <int kWindows>
  HWY_INLINE void Fetch(int64_t first, int64_t channel, int64_t stride) const {
    if (left_ <= 0)
      return;
    // Where there is a border, windows reach over it on both sides.
    const int64_t begin = (first * kStride + (kHeight - kStride) / 2) * kHeight;
    // Most lines share taps with the one above.
    constexpr int kMiddle = kWindows * kStride / 2 * kHeight;
    if (above_[begin + kMiddle + kStride] == columns_[begin + kMiddle])
      FetchTaps<kWindows, kHeight - kStride>(columns_ + begin, channel);
    else
      FetchTaps<kWindows, 0>(columns_ + begin, channel);
    for (int x = 0; x < kWindows; ++x)
      __builtin_prefetch(results_ + (first + x) * stride + channel, 1);
  }
  HWY_INLINE void Step(const Lines& lines, int64_t stride) {
    above_ = columns_;
    columns_ += lines.columns() * kHeight;
    results_ += lines.results * stride;
    --left_;
  }

 private:
  template <int kWindows, int kFirst>
  static HWY_INLINE void FetchTaps(const int8_t* const* columns, int64_t channel) {
    // Not into the first cache where that is too much for it.
    constexpr int kCache = kStride == 1 ? 3 : 2;
    for (int x = 0; x < kWindows * kStride; ++x, columns += kHeight) {
      for (int y = kFirst; y < kHeight; ++y)
        __builtin_prefetch(columns[y] + channel, 0, kCache);
    }
  }

  const int8_t* const* columns_;
  const int8_t* const* above_;
  T* results_;
  int64_t left_;
};

// All windows, for kWidth channels.
template <int kWidth>
class DepthwiseChunk {
  using Arranged = Depthwise<kWidth>;
  using Codes = typename Arranged::Codes;

 public:
  // See ArrangedChannels.
  HWY_INLINE DepthwiseChunk(const Lines& lines, const Product& product, int64_t channel,
                            int64_t present)
      : channels_(lines, product, channel, present) {}

  // All windows of kHeight x kColumns taps, kStride apart.
  template <int kHeight, int kColumns, int kStride, typename T>
  HWY_INLINE void All(const int8_t* const* columns, const Lines& lines, int64_t channel, T* results,
                      int64_t stride) const {
    NextLines<kHeight, kStride, T> next(columns, lines, results, stride);
    for (int64_t line = 0; line < lines.count; ++line) {
      Line<kWindowsAtOnce, kHeight, kColumns, kStride>(columns, next, 0, lines.results, channel,
                                                       results, stride);
      next.Step(lines, stride);
      columns += lines.columns() * kHeight;
      results += lines.results * stride;
    }
  }

  // One window of any shape.
  template <typename T>
  HWY_INLINE void One(const int8_t* const* columns, const Lines& lines, int64_t channel,
                      T* results) const {
    typename Arranged::Window window;
    window.Begin(channels_.start());
    const int8_t* weights = channels_.weights();
    for (int64_t x = 0; x < lines.width; ++x, columns += lines.dilation * lines.height) {
      for (int64_t y = 0; y < lines.height; y += kQuad, weights += Arranged::kQuadBytes)
        window.Add(Codes(columns + y, lines.height - y, 1, channel), weights);
    }
    window.Keep();
    channels_.finish().Store(window, results + channel);
  }

 private:
  // Windows from `first` on, kWindows at a time if there are as many.
  template <int kWindows, int kHeight, int kColumns, int kStride, typename T>
  HWY_INLINE void Line(const int8_t* const* columns, const NextLines<kHeight, kStride, T>& next,
                       int64_t first, int64_t windows, int64_t channel, T* results,
                       int64_t stride) const {
    while (windows >= kWindows && first < windows) {
      first = HWY_MIN(first, windows - kWindows);  // some are computed again
      next.template Fetch<kWindows>(first, channel, stride);
      Tile<kWindows, kHeight, kColumns, kStride>(columns + first * kStride * kHeight, channel,
                                                 results + first * stride, stride);
      first += kWindows;
    }
    if constexpr (kWindows > 1)
      Line<1, kHeight, kColumns, kStride>(columns, next, first, windows, channel, results, stride);
  }
  template <int kWindows, int kHeight, int kColumns, int kStride, typename T>
  HWY_INLINE void Tile(const int8_t* const* columns, int64_t channel, T* results,
                       int64_t stride) const {
    // Weights are read where they lie: GCC 12 would load all of them before the loop, and spill
    // them. Without VNNI that is faster, since it prepares them then.
    if constexpr (HWY_TARGET == HWY_AVX3_DL)
      asm volatile("" : : "r"(this) : "memory");
    typename Arranged::template Windows<kWindows, kColumns, kStride> windows;
    windows.Begin(channels_.start());
    constexpr int kEnd = (kWindows - 1) * kStride + kColumns;
    constexpr bool kByRow = IsByRow(kHeight, kColumns);
    AddColumns<0, kEnd, kHeight, kByRow ? kHeight - 1 : kHeight>(windows, columns, channel);
    if constexpr (kByRow)
      AddRow<0, kEnd, kHeight>(windows, columns, channel);
    windows.Keep();
    channels_.finish().StoreAll(windows, results + channel, stride);
  }
  // The first kTaps taps of each column.
  template <int kColumn, int kEnd, int kHeight, int kTaps, class Windows>
  HWY_INLINE void AddColumns(Windows& windows, const int8_t* const* columns,
                             int64_t channel) const {
    if constexpr (kColumn < kEnd) {
      constexpr int64_t kQuadsOfColumn = (kHeight + kQuad - 1) / kQuad;
      for (int64_t q = 0; q * kQuad < kTaps; ++q)
        windows.template Add<kColumn>(
            Codes(columns + kColumn * kHeight + q * kQuad, kTaps - q * kQuad, 1, channel),
            channels_.weights() + q * Arranged::kQuadBytes, kQuadsOfColumn * Arranged::kQuadBytes);
      AddColumns<kColumn + 1, kEnd, kHeight, kTaps>(windows, columns, channel);
    }
  }
  // The last tap of each column, four columns at once.
  template <int kColumn, int kEnd, int kHeight, class Windows>
  HWY_INLINE void AddRow(Windows& windows, const int8_t* const* columns, int64_t channel) const {
    if constexpr (kColumn < kEnd) {
      windows.template AddRow<kColumn>(
          Codes(columns + kColumn * kHeight + kHeight - 1, kEnd - kColumn, kHeight, channel),
          channels_.row_weights());
      AddRow<kColumn + kQuad, kEnd, kHeight>(windows, columns, channel);
    }
  }

  ArrangedChannels<kWidth> channels_;
};

// All lines, for kWidth channels from `channel` on.
template <int kWidth, typename T>
HWY_NOINLINE void DepthwiseLines(const int8_t* const* columns, const Lines& lines,
                                 const Product& product, int64_t channel, T* results,
                                 int64_t stride) noexcept {
  const DepthwiseChunk<kWidth> chunk(lines, product, channel, kWidth);
  const auto is = [&](int64_t size, int64_t distance) {
    return lines.height == size && lines.width == size && lines.stride == distance &&
           lines.dilation == 1;
  };
  if (is(3, 1))
    return chunk.template All<3, 3, 1>(columns, lines, channel, results, stride);
  if (is(3, 2))
    return chunk.template All<3, 3, 2>(columns, lines, channel, results, stride);
  if (is(5, 1))
    return chunk.template All<5, 5, 1>(columns, lines, channel, results, stride);
  if (is(5, 2))
    return chunk.template All<5, 5, 2>(columns, lines, channel, results, stride);
  for (int64_t line = 0; line < lines.count; ++line) {
    for (int64_t x = 0; x < lines.results; ++x, results += stride)
      chunk.One(columns + x * lines.stride * lines.height, lines, channel, results);
    columns += lines.columns() * lines.height;
  }
}

// Fewer channels than the shortest vector: their codes are copied first.
template <typename T>
HWY_NOINLINE void DepthwiseFew(const int8_t* const* columns, const Lines& lines,
                               const Product& product, T* results, int64_t stride) noexcept {
  constexpr int kWidth = 16;
  const DepthwiseChunk<kWidth> chunk(lines, product, 0, product.channels);
  HWY_ALIGN int8_t codes[kDepthwiseTaps * kWidth] = {};
  Lines packed = lines;
  packed.dilation = 1;
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
    T all[kWidth];
    chunk.One(taps, packed, 0, all);
    memcpy(results + row * stride, all, static_cast<size_t>(product.channels) * sizeof(T));
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
