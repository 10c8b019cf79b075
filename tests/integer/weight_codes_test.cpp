#include <gtest/gtest.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <c10/core/StorageImpl.h>

#include <algorithm>
#include <chrono>

#include <fastforward/quantization/affine.h>
#include <fastforward/tensor/quantized_tensor.h>

#include "integer/packed_weight.h"

// Weights that are held in one form: as codes, or packed.
namespace ff::integer {
namespace {

at::Tensor random_weight(at::IntArrayRef sizes) {
  return quantize_per_tensor(at::randn(sizes), 0.02);
}

c10::weak_intrusive_ptr<c10::StorageImpl> memory_of(const at::Tensor& codes) {
  return codes.storage().getWeakStorageImpl();
}

struct Shape {
  std::vector<int64_t> sizes;
  int64_t groups;
};

TEST(WeightCodes, AreTheSameBeforeAndAfterPacking) {
  for (const Shape& shape : std::vector<Shape>{{{5, 7}, 1},
                                               {{33, 64}, 1},
                                               {{20, 3, 3, 3}, 1},
                                               {{24, 5, 3, 2}, 4},
                                               {{40, 1, 3, 3}, 40},
                                               {{17, 1, 5, 5}, 17},
                                               {{17, 1, 9}, 17},
                                               {{6, 1, 2, 3, 2}, 6},
                                               {{6, 4, 2, 1, 3}, 2},
                                               {{12, 1, 9, 9}, 12}}) {
    const at::Tensor plain = random_weight(shape.sizes);
    const at::Tensor weight = packable(plain);
    EXPECT_TRUE(codes(weight).equal(codes(plain)));
    const std::shared_ptr<const PackedWeight> packed = packed_weight(weight, shape.groups);
    EXPECT_EQ(packed_weight(weight, shape.groups), packed);
    EXPECT_TRUE(codes(weight).equal(codes(plain))) << at::IntArrayRef(shape.sizes);
    EXPECT_TRUE(ff::dequantize(weight).equal(ff::dequantize(plain)));
  }
}

TEST(WeightCodes, GiveSomeRows) {
  for (const Shape& shape : std::vector<Shape>{
           {{5, 7}, 1}, {{40, 64}, 1}, {{24, 5, 3, 2}, 4}, {{40, 1, 3, 3}, 40}, {{17, 1, 9}, 17}}) {
    const at::Tensor plain = random_weight(shape.sizes), weight = packable(plain);
    packed_weight(weight, shape.groups);
    const int64_t last = shape.sizes[0] - 1;
    for (const at::Tensor& rows : {at::tensor({last, int64_t{0}, last}), at::tensor({3, 1}),
                                   at::empty({0}, at::kLong), at::arange(shape.sizes[0])})
      EXPECT_TRUE(codes(weight.index_select(0, rows)).equal(codes(plain).index_select(0, rows)))
          << at::IntArrayRef(shape.sizes) << rows;
    for (const int64_t wrong : {last + 1, int64_t{-1}})
      EXPECT_THROW(weight.index_select(0, at::tensor({wrong})), c10::IndexError);
  }
}

// An output layer that shares its weight with the embedding packs it.
TEST(WeightCodes, RowsAreUnpackedWithoutTheOthers) {
  const at::Tensor weight = packable(random_weight({20000, 128}));
  packed_weight(weight, 1);
  const at::Tensor ids = at::tensor({int64_t{7}, int64_t{19999}});
  const auto nanoseconds = [](const auto& run) {
    auto least = std::chrono::nanoseconds::max();
    for (int i = 0; i < 5; ++i) {
      const auto start = std::chrono::steady_clock::now();
      run();
      least = std::min<std::chrono::nanoseconds>(least, std::chrono::steady_clock::now() - start);
    }
    return least.count();
  };
  const auto all = nanoseconds([&] { codes(weight); });
  const auto some = nanoseconds([&] { weight.index_select(0, ids); });
  EXPECT_LT(some, all / 4) << "two rows of 20000; measured is 1/100";
}

TEST(WeightCodes, AreNotHeldTwice) {
  at::Tensor plain = random_weight({32, 32});
  const c10::weak_intrusive_ptr<c10::StorageImpl> memory = memory_of(codes(plain));
  const at::Tensor weight = packable(plain);
  plain.reset();
  EXPECT_FALSE(memory.expired());
  packed_weight(weight, 1);
  EXPECT_TRUE(memory.expired());
}

TEST(WeightCodes, AreFoundThroughTransposing) {
  const at::Tensor plain = random_weight({5, 9}), weight = packable(plain);
  const std::shared_ptr<const PackedWeight> packed = packed_weight(weight, 1);
  const at::Tensor transposed = weight.t();
  EXPECT_TRUE(codes(transposed).equal(codes(plain).t()));
  EXPECT_EQ(packed_weight(transposed.t(), 1), packed);
  EXPECT_EQ(packed_weight(transposed.transpose(0, 1), 1), packed);
  EXPECT_TRUE(codes(weight.permute({1, 0})).equal(codes(plain).t()));
  EXPECT_TRUE(codes(weight.detach()).equal(codes(plain)));
}

TEST(WeightCodes, MayBePackedInOtherGroupsToo) {
  const at::Tensor plain = random_weight({8, 1, 3, 3}), weight = packable(plain);
  packed_weight(weight, 8);
  const std::shared_ptr<const PackedWeight> other = packed_weight(weight, 1);
  EXPECT_EQ(other->groups, 1);
  EXPECT_FALSE(other->is_depthwise);
  EXPECT_TRUE(unpack_weight(*other, plain.sizes()).equal(codes(plain)));
}

}  // namespace
}  // namespace ff::integer
