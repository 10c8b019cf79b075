// Integers alone: table lookup, 4-bit packing, sums. Per-target header.
#if defined(FF_KERNELS_CODES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FF_KERNELS_CODES_INL_H_
#undef FF_KERNELS_CODES_INL_H_
#else
#define FF_KERNELS_CODES_INL_H_
#endif

#include "hwy/highway.h"
#include "kernels/reference.h"

HWY_BEFORE_NAMESPACE();
namespace ff::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// 16 tables of 16 entries: each gives its entry where the upper half of the code names it, else 0.
// Adding 0x70 with saturation sets the topmost bit, which gives 0, of all codes but its own.
inline void LookupInt8(const int8_t* codes, const int8_t* table, int8_t* results,
                       int64_t n) noexcept {
  const hn::ScalableTag<uint8_t> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  if (n < lanes)
    return reference::lookup_int8(codes, table, results, n);
  const auto* from = reinterpret_cast<const uint8_t*>(codes);
  auto* to = reinterpret_cast<uint8_t*>(results);
  hn::Vec<decltype(d)> tables[16];
  for (int part = 0; part < 16; ++part)
    tables[part] = hn::LoadDup128(d, reinterpret_cast<const uint8_t*>(table) + 16 * part);
  for (int64_t i = 0; i < n; i += lanes) {
    const int64_t at = HWY_MIN(i, n - lanes);  // the last vector overlaps the one before
    const auto index = hn::Xor(hn::LoadU(d, from + at), hn::Set(d, 0x80));
    auto result = hn::Zero(d);
    for (int part = 0; part < 16; ++part) {
      const auto own = hn::Xor(index, hn::Set(d, static_cast<uint8_t>(16 * part)));
      const auto selected = hn::SaturatedAdd(own, hn::Set(d, 0x70));
      result = hn::Or(result, hn::TableLookupBytesOr0(tables[part], selected));
    }
    hn::StoreU(result, d, to + at);
  }
}

inline void PackInt4(const int8_t* codes, uint8_t* packed, int64_t n) noexcept {
  const hn::ScalableTag<uint16_t> d;
  const hn::Rebind<uint8_t, decltype(d)> narrow;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));  // a pair of codes each
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const auto* from = reinterpret_cast<const uint8_t*>(codes + i);
    const auto pairs = hn::BitCast(d, hn::LoadU(hn::ScalableTag<uint8_t>(), from));
    const auto nibbles = hn::And(pairs, hn::Set(d, 0x0f0f));
    const auto joined = hn::Or(nibbles, hn::ShiftRight<4>(nibbles));
    hn::StoreU(hn::TruncateTo(narrow, joined), narrow, packed + i / 2);
  }
  reference::pack_int4(codes + i, packed + i / 2, n - i);
}

inline void UnpackInt4(const uint8_t* packed, int8_t* codes, int64_t n) noexcept {
  const hn::ScalableTag<uint16_t> d;
  const hn::ScalableTag<int8_t> bytes;
  const hn::Rebind<uint8_t, decltype(d)> narrow;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const auto pairs = hn::PromoteTo(d, hn::LoadU(narrow, packed + i / 2));
    const auto nibbles = hn::And(hn::Or(pairs, hn::ShiftLeft<4>(pairs)), hn::Set(d, 0x0f0f));
    const auto sign = hn::Set(bytes, 8);
    const auto signed_codes = hn::Sub(hn::Xor(hn::BitCast(bytes, nibbles), sign), sign);
    hn::StoreU(signed_codes, bytes, codes + i);
  }
  reference::unpack_int4(packed + i / 2, codes + i, n - i);
}

// Called for a few dozen numbers at a time: one masked loop, no tail.
inline int32_t SumBelow(const int32_t* numbers, int64_t n, int32_t first, int32_t end,
                        int32_t* sum) noexcept {
  const hn::ScalableTag<int32_t> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto origin = hn::Set(d, first), limit = hn::Set(d, end);
  auto sums = hn::Zero(d);
  size_t count = 0;
  for (int64_t i = 0; i < n; i += lanes) {
    const auto inside = hn::FirstN(d, static_cast<size_t>(HWY_MIN(lanes, n - i)));
    const auto y = hn::MaskedLoad(inside, d, numbers + i);
    const auto below = hn::And(inside, hn::Lt(y, limit));
    count += hn::CountTrue(d, below);
    sums = hn::Add(sums, hn::IfThenElseZero(below, hn::Sub(y, origin)));
  }
  *sum = hn::GetLane(hn::SumOfLanes(d, sums));
  return static_cast<int32_t>(count);
}

}  // namespace ff::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
