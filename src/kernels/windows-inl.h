// Codes and sums of windows, where each channel is by itself. Per-target header.
#if defined(FF_KERNELS_WINDOWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FF_KERNELS_WINDOWS_INL_H_
#undef FF_KERNELS_WINDOWS_INL_H_
#else
#define FF_KERNELS_WINDOWS_INL_H_
#endif

#include "hwy/highway.h"
#include "kernels/dot-inl.h"
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
  static constexpr int kBlock = 16;
  static constexpr int64_t kQuadBytes = kVectors * kWidth;

  // Where channel c is.
  static constexpr int Place(int c) {
    return c % kBlock / kVectors * kLanes + c / kBlock * kVectors + c % kVectors;
  }

  struct Codes {
    DotCodes<Sums> v0, v1, v2, v3;

    // Four taps, `step` pointers apart. Where there are fewer, the last one again: its weights are
    // 0.
    HWY_INLINE Codes(const int8_t* const* taps, int64_t count, int64_t step, int64_t channel) {
      const auto load = [&](int64_t t) HWY_ATTR {
        return hn::LoadU(Bytes(), taps[HWY_MIN(t, count - 1) * step] + channel);
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
    static constexpr int kCount = kWindows;
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
    // The last taps of columns kColumn to kColumn + 3. `weights`: of windows that begin 0, 1, 2 or
    // 3 columns behind the first of a quad, two quads each.
    template <int kColumn>
    HWY_INLINE void AddRow(const Codes& codes, const int8_t* weights) {
      constexpr int kFirst = ((-kColumn % kQuad) + kQuad) % kQuad;
      constexpr int kHalf = (kColumn + kFirst) / kQuad;
      if constexpr (kHalf == 0 || kHalf == 1)
        first.Add(codes, weights + (2 * kFirst + kHalf) * kQuadBytes);
      rest.template AddRow<kColumn - kStride>(codes, weights);
    }
    HWY_INLINE void Keep() {
      first.Keep();
      rest.Keep();
    }
  };
  template <int kColumns, int kStride>
  struct Windows<0, kColumns, kStride> {
    static constexpr int kCount = 0;
    HWY_INLINE void Begin(const int32_t*) {}
    template <int kColumn>
    HWY_INLINE void Add(const Codes&, const int8_t*, int64_t) {}
    template <int kColumn>
    HWY_INLINE void AddRow(const Codes&, const int8_t*) {}
    HWY_INLINE void Keep() {}
  };
};

// True if the last tap of each column, which would be a quad of its own, is put together with those
// of the columns beside it. All five are in two quads, wherever a window begins.
constexpr bool IsByRow(int64_t height, int64_t columns) {
  return height % kQuad == 1 && height > 1 && columns == 5;
}

// Windows that are computed together: neighbours share columns, which are interleaved once. As many
// as registers hold.
#if HWY_TARGET == HWY_AVX3_DL
constexpr int kWindowsAtOnce = 4;
#elif HWY_TARGET == HWY_AVX3
constexpr int kWindowsAtOnce = 2;
#else
constexpr int kWindowsAtOnce = 1;
#endif

}  // namespace ff::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
