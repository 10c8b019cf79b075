#include <gtest/gtest.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/randn.h>
#include <c10/core/StorageImpl.h>

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
