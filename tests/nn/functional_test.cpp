#include <gtest/gtest.h>
#include <torch/torch.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fastforward/dispatch/strict.h"
#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "fastforward/nn/functional/activation.h"
#include "fastforward/nn/functional/arithmetic.h"
#include "fastforward/nn/functional/conv.h"
#include "fastforward/nn/functional/embedding.h"
#include "fastforward/nn/functional/linear.h"
#include "fastforward/nn/functional/normalization.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/quantizer_stub.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

namespace F = torch::nn::functional;
namespace qf = ff::nn::functional;

using ff::nn::DynamicLinearQuantizer;
using ff::test::random_data;
using ff::test::same;

torch::Tensor quantized(const torch::Tensor& data) {
  return DynamicLinearQuantizer(6)(data);
}

// A form on up to three tensors, and what it must give.
struct Form {
  std::string name;
  std::vector<torch::Tensor> operands;  // of strict mode
  std::function<torch::Tensor(const std::vector<torch::Tensor>&, const qf::FunctionalOptions&)>
      ours;
  std::function<torch::Tensor(const std::vector<torch::Tensor>&)> libtorch;
};

using Tensors = std::vector<torch::Tensor>;
using Options = qf::FunctionalOptions;

std::vector<Form> products() {
  const torch::Tensor x = random_data({2, 4, 6}, 1), bias = random_data({3}, 4);
  return {
      {"linear",
       {random_data({5, 4}, 1), random_data({3, 4}, 2)},
       [=](const Tensors& t, const Options& o) { return qf::linear(t[0], t[1], bias, o); },
       [=](const Tensors& t) { return F::linear(t[0], t[1], bias); }},
      {"linear 3d",
       {random_data({2, 5, 4}, 1), random_data({3, 4}, 2)},
       [=](const Tensors& t, const Options& o) { return qf::linear(t[0], t[1], {}, o); },
       [=](const Tensors& t) { return F::linear(t[0], t[1]); }},
      {"matmul",
       {random_data({2, 5, 4}, 1), random_data({4, 3}, 2)},
       [](const Tensors& t, const Options& o) { return qf::matmul(t[0], t[1], o); },
       [](const Tensors& t) { return torch::matmul(t[0], t[1]); }},
      {"bmm",
       {random_data({2, 5, 4}, 1), random_data({2, 4, 3}, 2)},
       [](const Tensors& t, const Options& o) { return qf::bmm(t[0], t[1], o); },
       [](const Tensors& t) { return torch::bmm(t[0], t[1]); }},
      {"conv1d",
       {x, random_data({3, 4, 2}, 2)},
       [=](const Tensors& t, const Options& o) {
         return qf::conv1d(t[0], t[1], F::Conv1dFuncOptions().bias(bias).stride(2), o);
       },
       [=](const Tensors& t) {
         return F::conv1d(t[0], t[1], F::Conv1dFuncOptions().bias(bias).stride(2));
       }},
      {"conv2d",
       {random_data({2, 4, 5, 5}, 1), random_data({6, 2, 2, 2}, 2)},
       [](const Tensors& t, const Options& o) {
         return qf::conv2d(t[0], t[1], F::Conv2dFuncOptions().groups(2).padding(1), o);
       },
       nullptr},
      {"conv3d",
       {random_data({1, 2, 3, 4, 3}, 1), random_data({3, 2, 2, 2, 2}, 2)},
       [](const Tensors& t, const Options& o) { return qf::conv3d(t[0], t[1], {}, o); },
       [](const Tensors& t) { return F::conv3d(t[0], t[1]); }},
      {"conv_transpose1d",
       {x, random_data({4, 3, 2}, 2)},
       [](const Tensors& t, const Options& o) { return qf::conv_transpose1d(t[0], t[1], {}, o); },
       [](const Tensors& t) { return F::conv_transpose1d(t[0], t[1]); }},
      {"conv_transpose2d",
       {random_data({2, 4, 5, 5}, 1), random_data({4, 3, 2, 2}, 2)},
       [](const Tensors& t, const Options& o) { return qf::conv_transpose2d(t[0], t[1], {}, o); },
       [](const Tensors& t) { return F::conv_transpose2d(t[0], t[1]); }},
      {"conv_transpose3d",
       {random_data({1, 2, 3, 2, 3}, 1), random_data({2, 3, 2, 2, 2}, 2)},
       [](const Tensors& t, const Options& o) { return qf::conv_transpose3d(t[0], t[1], {}, o); },
       [](const Tensors& t) { return F::conv_transpose3d(t[0], t[1]); }},
  };
}

std::vector<Form> others() {
  const torch::Tensor x = random_data({4, 6}, 1) * 3, w = random_data({6}, 2);
  const auto unary = [x](const std::string& name, auto ours, auto libtorch) {
    return Form{name,
                {x},
                [ours](const Tensors& t, const Options& o) { return ours(t[0], o); },
                [libtorch](const Tensors& t) { return libtorch(t[0]); }};
  };
  using T = const torch::Tensor&;
  using O = const Options&;
  return {
      unary(
          "relu", [](T t, O o) { return qf::relu(t, o); }, [](T t) { return torch::relu(t); }),
      unary(
          "relu6", [](T t, O o) { return qf::relu6(t, o); }, [](T t) { return F::relu6(t); }),
      unary(
          "silu", [](T t, O o) { return qf::silu(t, o); }, [](T t) { return F::silu(t); }),
      unary(
          "hardswish", [](T t, O o) { return qf::hardswish(t, o); },
          [](T t) { return torch::hardswish(t); }),
      unary(
          "sigmoid", [](T t, O o) { return qf::sigmoid(t, o); },
          [](T t) { return torch::sigmoid(t); }),
      unary(
          "tanh", [](T t, O o) { return qf::tanh(t, o); }, [](T t) { return torch::tanh(t); }),
      unary(
          "gelu", [](T t, O o) { return qf::gelu(t, {}, o); }, [](T t) { return F::gelu(t); }),
      unary(
          "leaky_relu", [](T t, O o) { return qf::leaky_relu(t, 0.3, o); },
          [](T t) { return torch::leaky_relu(t, 0.3); }),
      unary(
          "softmax", [](T t, O o) { return qf::softmax(t, 1, o); },
          [](T t) { return torch::softmax(t, 1); }),
      unary(
          "dropout",
          [](T t, O o) { return qf::dropout(t, F::DropoutFuncOptions().training(false), o); },
          [](T t) { return t; }),
      unary(
          "add a number", [](T t, O o) { return qf::add(t, 2.5, o); }, [](T t) { return t + 2.5; }),
      unary(
          "mul a number", [](T t, O o) { return qf::mul(t, 2.5, o); }, [](T t) { return t * 2.5; }),
      unary(
          "group_norm", [](T t, O o) { return qf::group_norm(t, F::GroupNormFuncOptions(2), o); },
          [](T t) { return F::group_norm(t, F::GroupNormFuncOptions(2)); }),
      unary(
          "batch_norm",
          [](T t, O o) {
            return qf::batch_norm(t, {}, {}, F::BatchNormFuncOptions().training(true), o);
          },
          [](T t) { return F::batch_norm(t, {}, {}, F::BatchNormFuncOptions().training(true)); }),
      {"add",
       {x, w},
       [](const Tensors& t, const Options& o) { return qf::add(t[0], t[1], 3, o); },
       [](const Tensors& t) { return torch::add(t[0], t[1], 3); }},
      {"mul",
       {x, w},
       [](const Tensors& t, const Options& o) { return qf::mul(t[0], t[1], o); },
       [](const Tensors& t) { return t[0] * t[1]; }},
      {"cat",
       {x, x * 2},
       [](const Tensors& t, const Options& o) { return qf::cat(t, 1, o); },
       [](const Tensors& t) { return torch::cat(t, 1); }},
      {"layer_norm",
       {x, w},
       [](const Tensors& t, const Options& o) {
         return qf::layer_norm(t[0], F::LayerNormFuncOptions({6}).weight(t[1]), o);
       },
       [](const Tensors& t) {
         return F::layer_norm(t[0], F::LayerNormFuncOptions({6}).weight(t[1]));
       }},
      {"rms_norm",
       {x, w},
       [](const Tensors& t, const Options& o) { return qf::rms_norm(t[0], {6}, t[1], 0.1, o); },
       [](const Tensors& t) { return torch::rms_norm(t[0], {6}, t[1], 0.1); }},
      {"embedding",
       {x},
       [](const Tensors& t, const Options& o) {
         return qf::embedding(torch::tensor({2, 0}), t[0], {}, o);
       },
       [](const Tensors& t) {
         return F::embedding(torch::tensor({2, 0}), t[0]);
       }},
  };
}

std::vector<Form> all_forms() {
  std::vector<Form> forms = products();
  for (Form& form : forms) {
    if (form.libtorch == nullptr) {
      form.libtorch = [](const Tensors& t) {
        return F::conv2d(t[0], t[1], F::Conv2dFuncOptions().groups(2).padding(1));
      };
    }
  }
  for (Form& form : others())
    forms.push_back(std::move(form));
  return forms;
}

Tensors values_of(Tensors tensors) {
  for (torch::Tensor& tensor : tensors) {
    if (ff::is_quantized(tensor))
      tensor = tensor.dequantize();
  }
  return tensors;
}

TEST(Functional, AnyMixOfQuantizedAndPlainTensors) {
  for (const Form& form : all_forms()) {
    SCOPED_TRACE(form.name);
    const size_t mixes = size_t{1} << form.operands.size();
    for (size_t mix = 0; mix < mixes; ++mix) {
      Tensors operands = form.operands;
      for (size_t i = 0; i < operands.size(); ++i) {
        if (mix >> i & 1)
          operands[i] = quantized(operands[i]);
      }
      const torch::Tensor expected = form.libtorch(values_of(operands));
      const torch::Tensor got = form.ours(operands, {.strict = false});
      EXPECT_TRUE(same(ff::is_quantized(got) ? got.dequantize() : got, expected));
      const DynamicLinearQuantizer output(4);
      const torch::Tensor result =
          form.ours(operands, {.output_quantizer = output, .strict = false});
      ASSERT_TRUE(ff::is_quantized(result));
      EXPECT_TRUE(same(result.dequantize(), DynamicLinearQuantizer(4)(expected).dequantize()));
      if (mix + 1 < mixes) {
        EXPECT_ERROR(c10::TypeError,
                     "strict quantization: ", form.ours(operands, {.output_quantizer = output}));
      } else {
        EXPECT_TRUE(ff::is_quantized(form.ours(operands, {.output_quantizer = output})));
      }
    }
  }
}

TEST(Functional, StrictnessIsThatOfTheThreadUnlessGiven) {
  const torch::Tensor x = random_data({2, 3}, 1);
  EXPECT_ERROR(c10::TypeError,
               "strict quantization: relu got a plain tensor of shape [2, 3] as 'input'. Quantize "
               "it before (a QuantizerStub in a layer does not), or let plain tensors pass with "
               "ff::StrictGuard relaxed(false).",
               qf::relu(x));
  EXPECT_TRUE(same(qf::relu(x, {.strict = false}), x.relu()));
  const ff::StrictGuard relaxed(false);
  EXPECT_TRUE(same(qf::relu(x), x.relu()));
  EXPECT_ERROR(c10::TypeError,
               "strict quantization: the output of relu, of shape [2, 3], is a plain tensor: there "
               "is no output_quantizer. Give one that does, or let plain tensors pass with "
               "ff::StrictGuard relaxed(false).",
               qf::relu(quantized(x), {.strict = true}));
  EXPECT_ERROR(
      c10::TypeError, "QuantizerStub as output_quantizer did not quantize it",
      qf::relu(quantized(x), {.output_quantizer = ff::nn::QuantizerStub(), .strict = true}));
}

TEST(Functional, GradientsFlowThroughQuantizedOperands) {
  const torch::Tensor x = random_data({2, 3}, 1).requires_grad_();
  const torch::Tensor w = random_data({4, 3}, 2).requires_grad_();
  ff::nn::LinearQuantizer qx(8), qw(4);
  qx->set_quantization_range(-2.0, 2.0);
  qw->set_quantization_range(-1.0, 1.0);
  const torch::Tensor got = qf::linear(qx(x), qw(w), {}, {.strict = false});
  const torch::Tensor expected = F::linear(qx(x).dequantize(), qw(w).dequantize());
  const torch::Tensor factor = random_data({2, 4}, 3);
  for (const torch::Tensor& leaf : {x, w, qx->scale, qw->scale})
    EXPECT_TRUE(same(ff::test::gradient_of(got, leaf, factor),
                     ff::test::gradient_of(expected, leaf, factor)));
}

TEST(Functional, NothingIsChangedInPlace) {
  const torch::Tensor x = random_data({4, 3}, 1);
  EXPECT_ERROR(c10::NotImplementedError,
               "dropout: inplace is true, but a quantized tensor is never changed in place; set it "
               "to false and use the result.",
               qf::dropout(x, F::DropoutFuncOptions().inplace(true)));
  EXPECT_ERROR(
      c10::NotImplementedError,
      "embedding: max_norm is 0.5, which changes the weight in place, but the weight is a "
      "quantized tensor of shape [4, 3]; shorten the rows before it is quantized, as "
      "QuantizedEmbedding does.",
      qf::embedding(torch::tensor({1}), quantized(x), F::EmbeddingFuncOptions().max_norm(0.5)));
}

}  // namespace
