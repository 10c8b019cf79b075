#include "fastforward/dispatch/strict.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

namespace {

TEST(Strict, IsOnByDefault) {
  EXPECT_TRUE(ff::strict_quantization());
}

TEST(Strict, GuardsNest) {
  {
    const ff::StrictGuard relaxed(false);
    EXPECT_FALSE(ff::strict_quantization());
    {
      const ff::StrictGuard strict(true);
      EXPECT_TRUE(ff::strict_quantization());
      const ff::StrictGuard again(false);
      EXPECT_FALSE(ff::strict_quantization());
    }
    EXPECT_FALSE(ff::strict_quantization());
  }
  EXPECT_TRUE(ff::strict_quantization());
}

TEST(Strict, GuardsEndByExceptions) {
  try {
    const ff::StrictGuard relaxed(false);
    throw std::runtime_error("out");
  } catch (const std::runtime_error&) {
  }
  EXPECT_TRUE(ff::strict_quantization());
}

TEST(Strict, IsOfOneThread) {
  const ff::StrictGuard relaxed(false);
  bool there = false;
  std::thread([&] { there = ff::strict_quantization(); }).join();
  EXPECT_TRUE(there);
  EXPECT_FALSE(ff::strict_quantization());
}

}  // namespace
