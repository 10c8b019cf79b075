#include <torch/types.h>

#include <functional>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "fastforward/dispatch/strict.h"
#include "fastforward/quantization/affine.h"
#include "support/expect_error.h"
#include "support/property.h"

namespace {

using ff::test::pick;
using ff::test::pick_seed;
using ff::test::random_data;
using Sizes = std::vector<int64_t>;

struct Operator {
  std::string name;
  std::function<torch::Tensor(const torch::Tensor&)> call;
};

// A shape with as many elements: prime factors of the sizes, in order, grouped anew.
Sizes pick_shape_of_equal_size(at::IntArrayRef shape) {
  Sizes result{1};
  for (int64_t size : shape) {
    if (size == 0)
      return Sizes(shape.rbegin(), shape.rend());
    for (int64_t prime = 2; size > 1; ++prime) {
      for (; size % prime == 0; size /= prime) {
        if (pick(0, 1) == 0)
          result.push_back(1);
        result.back() *= prime;
      }
    }
    if (pick(0, 6) == 0)
      result.push_back(1);
  }
  if (pick(0, 3) == 0)
    std::swap(result.front(), result.back());
  return result;
}

// Any of the structural operators with arguments that fit `shape`.
Operator pick_operator(at::IntArrayRef shape) {
  const auto dim = static_cast<int64_t>(shape.size());
  const int64_t kind = pick(0, 11);
  const int64_t axis = pick(0, dim - 1), size = shape[axis];
  const int64_t named = pick(0, 1) == 0 ? axis : axis - dim;
  switch (kind) {
    case 0: {
      const Sizes other = pick_shape_of_equal_size(shape);
      return {c10::str("reshape ", at::IntArrayRef(other)),
              [=](const torch::Tensor& t) { return t.reshape(other); }};
    }
    case 1: {
      Sizes order(dim);
      std::iota(order.begin(), order.end(), 0);
      for (int64_t i = dim - 1; i > 0; --i)
        std::swap(order[i], order[pick(0, i)]);
      return {c10::str("permute ", at::IntArrayRef(order)),
              [=](const torch::Tensor& t) { return t.permute(order); }};
    }
    case 2: {
      const int64_t start = pick(0, size), end = pick(start, size), step = pick(1, 3);
      return {c10::str("slice ", named, " ", start, " ", end, " ", step),
              [=](const torch::Tensor& t) { return t.slice(named, start, end, step); }};
    }
    case 3: {
      if (size == 0)
        break;
      const int64_t index = pick(-size, size - 1);
      return {c10::str("select ", named, " ", index),
              [=](const torch::Tensor& t) { return t.select(named, index); }};
    }
    case 4: {
      if (size == 0)
        break;
      const torch::Tensor index = torch::randint(
          size, {pick(0, 8)}, at::detail::createCPUGenerator(pick_seed()), torch::kLong);
      return {c10::str("index_select ", named),
              [=](const torch::Tensor& t) { return t.index_select(named, index); }};
    }
    case 5: {
      Sizes wider(pick(0, 2), 2);
      for (const int64_t old : shape)
        wider.push_back(old == 1 ? pick(1, 4) : pick(0, 1) == 0 ? -1 : old);
      return {c10::str("expand ", at::IntArrayRef(wider)),
              [=](const torch::Tensor& t) { return t.expand(wider); }};
    }
    case 6: {
      const int64_t first = pick(0, axis);
      return {c10::str("flatten ", first, " ", axis),
              [=](const torch::Tensor& t) { return t.flatten(first, axis); }};
    }
    case 7: {
      const int64_t other = pick(-dim, dim - 1);
      return {c10::str("transpose ", named, " ", other),
              [=](const torch::Tensor& t) { return t.transpose(named, other); }};
    }
    case 8: {
      const int64_t at = pick(-dim - 1, dim);
      return {c10::str("unsqueeze ", at), [=](const torch::Tensor& t) { return t.unsqueeze(at); }};
    }
    case 9: {
      const int64_t chunks = pick(1, 4), which = pick(0, 3);
      return {c10::str("chunk ", chunks, " ", which, " ", named), [=](const torch::Tensor& t) {
                const std::vector<torch::Tensor> parts = t.chunk(chunks, named);
                return parts[which % parts.size()];
              }};
    }
    case 10: {
      const int64_t to = pick(-dim, dim - 1);
      return {c10::str("movedim ", named, " ", to),
              [=](const torch::Tensor& t) { return t.movedim(named, to); }};
    }
    default: {
      const int64_t length = pick(0, size), start = pick(0, size - length);
      return {c10::str("narrow ", named, " ", start, " ", length),
              [=](const torch::Tensor& t) { return t.narrow(named, start, length); }};
    }
  }
  return {"squeeze", [](const torch::Tensor& t) { return t.squeeze(); }};
}

// The result in strict mode; undefined, and a reason, where it is refused.
torch::Tensor call_strictly(const Operator& op, const torch::Tensor& tensor, std::string* reason) {
  try {
    return op.call(tensor);
  } catch (const c10::NotImplementedError& error) {
    *reason = ff::test::text_of(error);
    return {};
  }
}

struct Counts {
  int followed = 0, refused = 0;
};

// Random operators on a random tensor: each is followed exactly, or refused with a reason.
void check_operators(Counts& counts) {
  const auto input = ff::test::pick_affine(torch::kDouble, 1);
  const torch::Tensor data = ff::test::pick_strided(input.data).detach().requires_grad_();
  const torch::Tensor scale = input.scale.requires_grad_();
  RC_LOG() << describe(input);
  torch::Tensor q = ff::quantize_per_granularity(data, scale, input.offset, input.tiled.granularity,
                                                 input.num_bits);
  torch::Tensor expected = q.dequantize();
  // Several in a row, so that each meets the others' granularities and strides.
  const int64_t steps = pick(1, 3);
  for (int64_t i = 0; i < steps && q.dim() > 0; ++i) {
    const Operator op = pick_operator(q.sizes());
    RC_LOG() << "; " << op.name;
    std::string reason;
    const torch::Tensor got = call_strictly(op, q, &reason);
    if (!got.defined()) {
      ++counts.refused;
      RC_ASSERT(reason.find("not 'move codes': ") != std::string::npos);
      RC_ASSERT(!input.tiled.granularity.is_per_tensor());
      const ff::StrictGuard relaxed(false);
      RC_SAME(op.call(q), op.call(expected));
      break;
    }
    ++counts.followed;
    RC_ASSERT(ff::is_quantized(got));
    q = got;
    expected = op.call(expected);
  }
  RC_SAME(ff::codes(q).to(torch::kDouble).numel() == 0 ? expected : q.dequantize(), expected);
  const torch::Tensor weight = random_data(expected.sizes(), pick_seed(), torch::kDouble);
  for (const torch::Tensor& variable : {data, scale}) {
    RC_SAME(ff::test::gradient_of(q.dequantize(), variable, weight),
            ff::test::gradient_of(expected, variable, weight));
  }
}

TEST(Structure, OperatorsFollowExactlyOrSayWhyNot) {
  Counts counts;
  // One chain in twenty is refused. With four a case, a run without any has a chance of 2e-9.
  EXPECT_TRUE(rc::check("operators follow exactly or say why not", [&] {
    for (int i = 0; i < 4; ++i)
      check_operators(counts);
  }));
  // To refuse must not be an easy way out, and must have been tried.
  EXPECT_GT(counts.followed, 2 * counts.refused);
  EXPECT_GT(counts.refused, 0);
}

RC_GTEST_PROP(Structure, CatOfPiecesIsTheWhole, ()) {
  const auto input = ff::test::pick_affine(torch::kFloat, 1);
  RC_PRE(input.tiled.granularity.is_per_tensor());
  const torch::Tensor q = ff::quantize_per_granularity(input.data, input.scale, input.offset,
                                                       input.tiled.granularity, input.num_bits);
  const int64_t axis = pick(0, q.dim() - 1);
  const torch::Tensor joined = torch::cat(q.chunk(pick(1, 4), axis), axis);
  RC_ASSERT(ff::is_quantized(joined));
  RC_SAME(ff::codes(joined), ff::codes(q));
  RC_ASSERT(ff::bound_function(joined).equal(ff::bound_function(q)));
}

}  // namespace
