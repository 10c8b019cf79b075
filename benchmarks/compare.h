#pragma once

#include <ATen/core/Tensor.h>

#include <stdexcept>
#include <string>

namespace bench {

/// Says that two answers to the same question differ, and where first.
struct WrongAnswer : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What two answers may differ by. The default is nothing: every value is equal (zeros of both
/// signs are).
struct Tolerance {
  /// The largest |ours - peer|, of a shape that broadcasts to the answers'. Undefined: 0.
  at::Tensor difference;
  /// The part of the elements that may differ at all.
  double fraction = 1;
};

/// Throws WrongAnswer, with the first difference, if `ours` and `peer` differ by more than the
/// tolerance. NaN equals nothing. `what` names the answer.
void expect_same(const std::string& what, const at::Tensor& ours, const at::Tensor& peer,
                 const Tolerance& tolerance = {});

}  // namespace bench
