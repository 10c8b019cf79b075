#include "compare.h"

#include <torch/types.h>

#include <algorithm>
#include <sstream>

namespace bench {
namespace {

// Large answers are compared in parts of the first axis, so that what comparing needs stays small.
constexpr int64_t kPartElements = 1 << 22;

struct Difference {
  int64_t count = 0;         // of the elements that differ at all
  int64_t first_index = -1;  // of the first one beyond the tolerance, else of the first one
  bool is_beyond = false;
};

void look_at_part(const at::Tensor& ours, const at::Tensor& peer, const at::Tensor& allowed,
                  int64_t start, Difference& found) {
  const at::Tensor differs = ours.eq(peer).logical_not_();
  const int64_t count = differs.sum().item<int64_t>();
  if (count == 0)
    return;
  found.count += count;
  if (found.first_index < 0)
    found.first_index = start + differs.reshape({-1}).nonzero()[0].item<int64_t>();
  if (found.is_beyond)
    return;
  const at::Tensor far = differs.logical_and_((ours - peer).abs_().le(allowed).logical_not_());
  const at::Tensor indices = far.reshape({-1}).nonzero();
  if (indices.size(0) > 0) {
    found.is_beyond = true;
    found.first_index = start + indices[0].item<int64_t>();
  }
}

std::string position(int64_t index, c10::IntArrayRef shape) {
  std::vector<int64_t> subscripts(shape.size());
  for (size_t axis = shape.size(); axis-- > 0; index /= shape[axis])
    subscripts[axis] = index % shape[axis];
  std::ostringstream text;
  text << at::IntArrayRef(subscripts);
  return text.str();
}

double element(const at::Tensor& tensor, int64_t index) {
  return tensor.reshape({-1})[index].item<double>();
}

}  // namespace

void expect_same(const std::string& what, const at::Tensor& ours, const at::Tensor& peer,
                 const Tolerance& tolerance) {
  const at::NoGradGuard no_grad;
  std::ostringstream text;
  text.precision(9);
  if (ours.sizes() != peer.sizes()) {
    text << what << ": ours has shape " << ours.sizes() << ", the peer's " << peer.sizes();
    throw WrongAnswer(text.str());
  }
  if (ours.numel() == 0)
    return;
  const bool is_scalar = ours.dim() == 0;
  const at::Tensor a = is_scalar ? ours.unsqueeze(0) : ours;
  const at::Tensor b = is_scalar ? peer.unsqueeze(0) : peer;
  const at::Tensor allowed =
      (tolerance.difference.defined() ? tolerance.difference : torch::zeros({})).expand(a.sizes());
  const int64_t row = a.numel() / a.size(0);
  const int64_t rows = std::max<int64_t>(1, kPartElements / row);
  Difference found;
  for (int64_t start = 0; start < a.size(0); start += rows) {
    const int64_t size = std::min(rows, a.size(0) - start);
    look_at_part(a.narrow(0, start, size), b.narrow(0, start, size), allowed.narrow(0, start, size),
                 start * row, found);
  }
  const auto most = static_cast<int64_t>(tolerance.fraction * static_cast<double>(a.numel()));
  if (!found.is_beyond && found.count <= most)
    return;
  text << what << " at " << position(found.first_index, a.sizes()) << ": ours is "
       << element(a, found.first_index) << ", the peer's " << element(b, found.first_index)
       << ", and they may differ by " << element(allowed, found.first_index) << "; " << found.count
       << " of " << a.numel() << " elements differ, and " << most << " may";
  throw WrongAnswer(text.str());
}

}  // namespace bench
