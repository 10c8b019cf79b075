#include "fastforward/nn/override.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/quantizer_stub.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::nn::NextFunction;
using ff::nn::OverrideHandle;
using ff::nn::QuantizerImpl;
using ff::nn::QuantizerStub;
using ff::test::floats;
using ff::test::same;

// Passes data * factor on and adds 1 to what comes back.
ff::nn::OverrideFunction times(float factor) {
  return [factor](QuantizerImpl&, const NextFunction& next, const torch::Tensor& data) {
    return next(data * factor) + 1;
  };
}

float run(QuantizerStub& stub) {
  return stub->forward(floats({1})).item<float>();
}

TEST(Override, RunsInsteadOfQuantizeUntilItEnds) {
  QuantizerStub stub;
  {
    const OverrideHandle handle = stub->register_override(times(3));
    EXPECT_EQ(run(stub), 4);
  }
  EXPECT_EQ(run(stub), 1);
}

TEST(Override, TheLastRegisteredRunsFirst) {
  QuantizerStub stub;
  std::vector<std::string> order;
  const auto note = [&](const std::string& name) {
    return [&order, name](QuantizerImpl&, const NextFunction& next, const torch::Tensor& data) {
      order.push_back(name);
      return next(data);
    };
  };
  const OverrideHandle first = stub->register_override(note("first"));
  const OverrideHandle second = stub->register_override(note("second"));
  run(stub);
  EXPECT_EQ(order, (std::vector<std::string>{"second", "first"}));
}

TEST(Override, NestAndEndInAnyOrder) {
  QuantizerStub stub;
  OverrideHandle a = stub->register_override(times(2));
  OverrideHandle b = stub->register_override(times(10));
  EXPECT_EQ(run(stub), 22) << "1 * 10 * 2 + 1 + 1";
  a.remove();
  EXPECT_EQ(run(stub), 11);
  a.remove();
  const OverrideHandle c = stub->register_override(times(3));
  EXPECT_EQ(run(stub), 32);
  b.remove();
  EXPECT_EQ(run(stub), 4);
}

TEST(Override, MayGoOnTwiceOrNotAtAll) {
  QuantizerStub stub;
  const OverrideHandle inner = stub->register_override(times(2));
  {
    const OverrideHandle twice =
        stub->register_override([](QuantizerImpl&, const NextFunction& next,
                                   const torch::Tensor& data) { return next(data) + next(data); });
    EXPECT_EQ(run(stub), 6);
  }
  const OverrideHandle never = stub->register_override(
      [](QuantizerImpl&, const NextFunction&, const torch::Tensor&) { return floats({7}); });
  EXPECT_EQ(run(stub), 7);
}

TEST(Override, GetsTheQuantizer) {
  QuantizerStub stub;
  QuantizerImpl* seen = nullptr;
  const OverrideHandle handle = stub->register_override(
      [&](QuantizerImpl& quantizer, const NextFunction& next, const torch::Tensor& data) {
        seen = &quantizer;
        return next(data);
      });
  run(stub);
  EXPECT_EQ(seen, stub.get());
}

TEST(Override, EndsWhenAnExceptionPasses) {
  QuantizerStub stub;
  const OverrideHandle outer = stub->register_override(times(2));
  try {
    const OverrideHandle inner = stub->register_override(
        [](QuantizerImpl&, const NextFunction&, const torch::Tensor&) -> torch::Tensor {
          throw std::runtime_error("stop");
        });
    run(stub);
    FAIL() << "must throw";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "stop");
  }
  EXPECT_EQ(run(stub), 3);
  EXPECT_EQ(stub->overrides().entries()->size(), 1U);
}

TEST(Override, ErrorsOfTheQuantizerPassThrough) {
  ff::nn::LinearQuantizer quantizer(8);
  const OverrideHandle handle = quantizer->register_override(times(2));
  EXPECT_ERROR(c10::ValueError, "LinearQuantizer: Tried to quantize",
               quantizer->forward(floats({1})));
}

TEST(Override, HandlesMove) {
  QuantizerStub stub;
  OverrideHandle outer;
  {
    OverrideHandle inner = stub->register_override(times(3));
    outer = std::move(inner);
  }
  EXPECT_EQ(run(stub), 4);
  outer = stub->register_override(times(5));
  EXPECT_EQ(run(stub), 6) << "the one before has ended";
  const OverrideHandle taken(std::move(outer));
  EXPECT_EQ(run(stub), 6);
  std::vector<OverrideHandle> several;
  for (int i = 0; i < 10; ++i)
    several.push_back(stub->register_override(times(1)));
  EXPECT_EQ(run(stub), 16);
  several.clear();
  EXPECT_EQ(run(stub), 6);
}

TEST(Override, CanBeKept) {
  QuantizerStub stub;
  {
    OverrideHandle handle = stub->register_override(times(3));
    handle.keep();
  }
  EXPECT_EQ(run(stub), 4);
}

TEST(Override, HandlesMayOutliveTheQuantizer) {
  OverrideHandle handle;
  {
    QuantizerStub stub;
    handle = stub->register_override(times(3));
  }
  handle.remove();
}

TEST(Override, MayEndItselfWhileItRuns) {
  QuantizerStub stub;
  OverrideHandle handle;
  handle = stub->register_override(
      [&](QuantizerImpl&, const NextFunction& next, const torch::Tensor& data) {
        handle.remove();
        return next(data) + 5;
      });
  EXPECT_EQ(run(stub), 6);
  EXPECT_EQ(run(stub), 1);
}

TEST(Override, EmptyFunctionsAreRefused) {
  QuantizerStub stub;
  EXPECT_ERROR(c10::ValueError, "QuantizerStub: register_override got an empty function.",
               stub->register_override(nullptr));
}

}  // namespace
