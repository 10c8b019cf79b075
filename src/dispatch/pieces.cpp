#include <c10/core/WrapDimMinimal.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <numeric>

#include "dispatch/boxed.h"
#include "dispatch/builtin.h"
#include "fastforward/tensor/quantized_tensor.h"

namespace ff::dispatch {
namespace {

using Slice = StructuralChange::Slice;
/// The pieces that a call cuts its first argument into.
using Cut = std::function<std::vector<Slice>(const OperatorCall&, const at::Tensor& self)>;

at::Tensor piece(const at::Tensor& tensor, const Slice& slice) {
  return slice.drop ? tensor.select(slice.axis, slice.start)
                    : tensor.narrow(slice.axis, slice.start, slice.length);
}

// Each piece follows its own tiles.
BoundQuantizationFunction::Restructured restructure(const at::Tensor& self, const Slice& slice) {
  std::vector<int64_t> new_sizes = self.sizes().vec();
  if (slice.drop) {
    new_sizes.erase(new_sizes.begin() + slice.axis);
  } else {
    new_sizes[slice.axis] = slice.length;
  }
  return bound_function(self).restructure({slice, self.sizes().vec(), std::move(new_sizes)});
}

void add_cut(const std::string& name, const Cut& cut) {
  const Predicate predicate = [cut](const OperatorCall& call) -> std::optional<std::string> {
    if (auto refusal = needs_quantized_self(call))
      return refusal;
    const at::Tensor self = call[0].toTensor();
    for (const Slice& slice : cut(call, self)) {
      const auto restructured = restructure(self, slice);
      if (!restructured.function.has_value())
        return restructured.why_not;
    }
    return std::nullopt;
  };
  const BoxedBody body = [cut](const OperatorCall& call) -> c10::IValue {
    const at::Tensor self = call[0].toTensor(), carrier = gradient_carrier(self);
    c10::List<at::Tensor> list;
    for (const Slice& slice : cut(call, self)) {
      list.push_back(make_quantized_tensor(piece(codes(self), slice),
                                           *restructure(self, slice).function, self.scalar_type(),
                                           carrier.defined() ? piece(carrier, slice) : carrier));
    }
    return list;
  };
  register_builtin(name, "move codes", predicate, body);
}

std::vector<int64_t> equal_pieces(int64_t size, int64_t piece) {
  if (size == 0)
    return {0};
  TORCH_CHECK_VALUE(piece > 0, "split of a quantized tensor: the size of a piece is ", piece,
                    "; expected at least 1.");
  std::vector<int64_t> lengths(size / piece, piece);
  if (size % piece != 0)
    lengths.push_back(size % piece);
  return lengths;
}

void add_pieces(const std::string& name,
                std::function<std::vector<int64_t>(const OperatorCall&, int64_t size)> lengths) {
  add_cut(name, [lengths = std::move(lengths)](const OperatorCall& call, const at::Tensor& self) {
    const int64_t axis = c10::maybe_wrap_dim(call.argument("dim").toInt(), self.dim());
    std::vector<Slice> slices;
    int64_t start = 0;
    for (const int64_t length : lengths(call, self.size(axis))) {
      slices.push_back({axis, start, length, 1, /*drop=*/false});
      start += length;
    }
    return slices;
  });
}

std::vector<int64_t> listed_lengths(const OperatorCall& call, int64_t size) {
  std::vector<int64_t> lengths = call[1].toIntVector();
  TORCH_CHECK_VALUE(std::all_of(lengths.begin(), lengths.end(), [](int64_t n) { return n >= 0; }),
                    "split of a quantized tensor: the pieces ", c10::IntArrayRef(lengths),
                    " must not be negative.");
  const int64_t sum = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  TORCH_CHECK_VALUE(sum == size, "split of a quantized tensor: the pieces ",
                    c10::IntArrayRef(lengths), " sum up to ", sum, ", but the axis has ", size,
                    " elements.");
  return lengths;
}

std::vector<Slice> unbind(const OperatorCall& call, const at::Tensor& self) {
  const int64_t axis = c10::maybe_wrap_dim(call[1].toInt(), self.dim());
  std::vector<Slice> slices;
  for (int64_t i = 0; i < self.size(axis); ++i)
    slices.push_back({axis, i, 1, 1, /*drop=*/true});
  return slices;
}

}  // namespace

void register_pieces() {
  for (const char* name : {"aten::split.Tensor", "aten::unsafe_split.Tensor"}) {
    add_pieces(name, [](const OperatorCall& call, int64_t size) {
      return equal_pieces(size, call[1].toInt());
    });
  }
  for (const char* name :
       {"aten::split_with_sizes", "aten::split.sizes", "aten::unsafe_split_with_sizes"}) {
    add_pieces(name, listed_lengths);
  }
  for (const char* name : {"aten::chunk", "aten::unsafe_chunk"}) {
    add_pieces(name, [](const OperatorCall& call, int64_t size) {
      const int64_t chunks = call[1].toInt();
      TORCH_CHECK_VALUE(chunks > 0, "chunk of a quantized tensor: got ", chunks,
                        " chunks; expected at least 1.");
      if (size == 0)
        return std::vector<int64_t>(chunks, 0);
      return equal_pieces(size, (size + chunks - 1) / chunks);
    });
  }
  add_cut("aten::unbind.int", unbind);
}

}  // namespace ff::dispatch
