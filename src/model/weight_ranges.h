#pragma once

#include "fastforward/range_setting/estimator.h"
#include "model/binding.h"

namespace ff::model {

/// The weight of a place as its quantizer will get it, with the batch norm folded into it;
/// undefined if it is computed in the forward.
at::Tensor weight_of(const Program& program, const Binding& binding, size_t place,
                     const ModelTensors& tensors);

/// Sets the range of a quantizer from one tensor. Throws c10::TypeError if the estimator cannot
/// work on the quantizer.
void set_range(nn::QuantizerImpl& quantizer, const range_setting::RangeEstimator& estimator,
               const at::Tensor& data);

}  // namespace ff::model
