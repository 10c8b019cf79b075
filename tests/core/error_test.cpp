#include "core/error.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <stdexcept>
#include <string>

#include "support/expect_error.h"

namespace {

template <typename Body>
decltype(auto) at_layer(const Body& body) {
  return ff::with_location([] { return std::string("layer 'a'"); }, body);
}

TEST(Error, LocationIsPutBeforeTheTextAndTheTypeStays) {
  EXPECT_ERROR(c10::ValueError, "layer 'a': value",
               at_layer([] { TORCH_CHECK_VALUE(false, "value"); }));
  EXPECT_ERROR(c10::TypeError, "layer 'a': type",
               at_layer([] { TORCH_CHECK_TYPE(false, "type"); }));
  EXPECT_ERROR(c10::IndexError, "layer 'a': index",
               at_layer([] { TORCH_CHECK_INDEX(false, "index"); }));
  EXPECT_ERROR(c10::NotImplementedError, "layer 'a': not there",
               at_layer([] { TORCH_CHECK_NOT_IMPLEMENTED(false, "not there"); }));
  EXPECT_ERROR(c10::Error, "layer 'a': any", at_layer([] { TORCH_CHECK(false, "any"); }));
}

TEST(Error, LocationsNest) {
  const auto at_batch = [](const auto& body) {
    return ff::with_location([] { return std::string("batch 1"); }, body);
  };
  const auto text = [](const auto& body) -> std::string {
    try {
      body();
    } catch (const c10::ValueError& error) {
      return error.what_without_backtrace();
    }
    return "";
  };
  const auto fail = [](const char* what) { TORCH_CHECK_VALUE(false, what); };
  EXPECT_EQ(text([&] { at_layer([&] { at_batch([&] { fail("value"); }); }); }),
            "layer 'a': batch 1: value");
  EXPECT_EQ(text([&] { at_layer([&] { at_layer([&] { fail("value"); }); }); }), "layer 'a': value")
      << "each is named once";
  EXPECT_EQ(text([&] { at_layer([&] { at_batch([&] { at_layer([&] { fail("value"); }); }); }); }),
            "layer 'a': batch 1: value");
  EXPECT_EQ(text([&] { at_layer([&] { fail("a layer 'a': value"); }); }),
            "layer 'a': a layer 'a': value")
      << "no location, but a part of the text";
}

TEST(Error, OtherErrorsPass) {
  EXPECT_ERROR(std::runtime_error, "other", at_layer([] { throw std::runtime_error("other"); }));
  try {
    at_layer([] { throw std::runtime_error("other"); });
  } catch (const std::exception& error) {
    EXPECT_STREQ(error.what(), "other");
  }
}

TEST(Error, LocationIsNotAskedForWithoutAnError) {
  const int value = ff::with_location(
      []() -> std::string {
        ADD_FAILURE() << "asked";
        return "";
      },
      [] { return 5; });
  EXPECT_EQ(value, 5);
}

}  // namespace
