#include "fastforward/nn/replace_quantizer.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <memory>
#include <string>

#include "fastforward/dispatch/strict.h"
#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/quantized_module.h"
#include "fastforward/nn/quantizer_stub.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::nn::DynamicLinearQuantizer;
using ff::nn::LinearQuantizer;
using ff::nn::QuantizerMetadata;
using ff::nn::QuantizerStub;
using ff::nn::replace_quantizer;
using ff::test::random_data;
using ff::test::same;

QuantizerStub input_stub() {
  return QuantizerStub(QuantizerMetadata({"activation/input"}, {{3}}));
}

TEST(ReplaceQuantizer, InSequentialForwardRunsTheNewOne) {
  torch::nn::Sequential model(
      {{"in", torch::nn::AnyModule(input_stub())}, {"out", torch::nn::AnyModule(QuantizerStub())}});
  replace_quantizer(*model, "in", DynamicLinearQuantizer(2));
  const torch::Tensor x = random_data({2, 3}, 1);
  EXPECT_TRUE(same(model->forward(x).dequantize(), DynamicLinearQuantizer(2)(x).dequantize()));
  EXPECT_NE(model->named_children()["in"]->as<DynamicLinearQuantizer>(), nullptr);
  EXPECT_NE(model[0]->as<DynamicLinearQuantizer>(), nullptr);
  const auto copy = std::dynamic_pointer_cast<torch::nn::SequentialImpl>(model->clone());
  EXPECT_TRUE(same(copy->forward(x).dequantize(), model->forward(x).dequantize()));
}

TEST(ReplaceQuantizer, InSequentialOnlyTheNamedPlaceOfASharedOne) {
  const auto shared = input_stub().ptr();
  torch::nn::Sequential model(shared, shared);
  replace_quantizer(*model, "1", DynamicLinearQuantizer(2));
  EXPECT_EQ(model[0], shared);
  EXPECT_NE(model[1]->as<DynamicLinearQuantizer>(), nullptr);
}

// As LibTorch advises for a Sequential inside of another, with a child that is not in its list.
struct InnerImpl : torch::nn::SequentialImpl {
  InnerImpl() {
    register_module("aside", input_stub());
    push_back("inner", input_stub());
  }
  torch::Tensor forward(const torch::Tensor& x) {
    return SequentialImpl::forward(x);
  }
};

TEST(ReplaceQuantizer, InClassesDerivedFromSequential) {
  InnerImpl inner;
  replace_quantizer(inner, "inner", DynamicLinearQuantizer(2));
  EXPECT_TRUE(ff::is_quantized(inner.forward(random_data({2, 3}, 1))));
  EXPECT_ERROR(c10::TypeError, "may have a member that still holds the quantizer 'aside'",
               replace_quantizer(inner, "aside", DynamicLinearQuantizer(2)));
}

TEST(ReplaceQuantizer, InModuleListAndModuleDict) {
  torch::nn::ModuleList list(torch::nn::Linear(2, 2), input_stub());
  replace_quantizer(*list, "1", LinearQuantizer(8));
  EXPECT_NE(list[1]->as<LinearQuantizer>(), nullptr);
  EXPECT_NE(list->named_children()["1"]->as<LinearQuantizer>(), nullptr);

  torch::nn::ModuleDict dict;
  dict->update({{"a", torch::nn::Linear(2, 2).ptr()}, {"b", input_stub().ptr()}});
  replace_quantizer(*dict, "b", LinearQuantizer(8));
  EXPECT_NE(dict["b"]->as<LinearQuantizer>(), nullptr);
  EXPECT_NE(dict->named_children()["b"]->as<LinearQuantizer>(), nullptr);
  EXPECT_EQ(dict->keys(), (std::vector<std::string>{"a", "b"}));
}

TEST(ReplaceQuantizer, MetadataMovesUnlessTheNewOneHasItsOwn) {
  torch::nn::ModuleList list(input_stub(), input_stub());
  list[0]->as<QuantizerStub>()->set_path("there");
  LinearQuantizer quantizer(8);
  replace_quantizer(*list, "0", quantizer);
  EXPECT_TRUE(quantizer->metadata().has_tag("activation/input"));
  EXPECT_EQ(quantizer->metadata().shape(), (std::vector<int64_t>{3}));
  EXPECT_EQ(quantizer->path(), "there");

  LinearQuantizer mine(8);
  mine->metadata().add_tag("mine");
  replace_quantizer(*list, "0", mine);
  EXPECT_TRUE(mine->metadata().has_tag("mine"));
  EXPECT_FALSE(mine->metadata().has_tag("activation"));
}

TEST(ReplaceQuantizer, OneQuantizerInTwoPlacesIsShared) {
  torch::nn::Sequential model(input_stub(), input_stub());
  const LinearQuantizer shared(8);
  replace_quantizer(*model, "0", shared);
  replace_quantizer(*model, "1", shared);
  EXPECT_EQ(model[0], shared.ptr());
  EXPECT_EQ(model[1], shared.ptr());
}

struct PlainImpl : torch::nn::Module {
  PlainImpl() {
    linear = register_module("linear", torch::nn::Linear(2, 2));
    quantizer = register_module("quantizer", LinearQuantizer(8));
  }
  torch::nn::Linear linear = nullptr;
  LinearQuantizer quantizer = nullptr;
};

TEST(ReplaceQuantizer, Errors) {
  PlainImpl plain;
  EXPECT_ERROR(c10::TypeError,
               "PlainImpl may have a member that still holds the quantizer 'quantizer', so it "
               "cannot be replaced from outside; derive",
               replace_quantizer(plain, "quantizer", LinearQuantizer(4)));
  EXPECT_ERROR(c10::TypeError,
               "from ff::nn::QuantizedModule as well, call register_quantizer(\"quantizer\", ...) "
               "in reset(), and use it as quantizer(\"quantizer\").",
               replace_quantizer(plain, "quantizer", LinearQuantizer(4)));
  EXPECT_TRUE(plain.named_children()["quantizer"] == plain.quantizer.ptr());
  EXPECT_ERROR(c10::TypeError, "the child 'linear' of",
               replace_quantizer(plain, "linear", LinearQuantizer(4)));
  EXPECT_ERROR(c10::TypeError, "torch::nn::LinearImpl, not a quantizer; it has: quantizer.",
               replace_quantizer(plain, "linear", LinearQuantizer(4)));
  EXPECT_ERROR(c10::ValueError, "has no child 'weight'; it has: quantizer.",
               replace_quantizer(plain, "weight", LinearQuantizer(4)));
  EXPECT_ERROR(c10::ValueError, "is empty; give a QuantizerStub to pass data on unchanged.",
               replace_quantizer(plain, "quantizer", nullptr));
  EXPECT_ERROR(c10::ValueError, "SequentialImpl has no child '0'; it has: no quantizers.",
               replace_quantizer(*torch::nn::Sequential(), "0", LinearQuantizer(4)));
}

}  // namespace
