#include "fastforward/core/type_name.h"

#include <gtest/gtest.h>

namespace {

TEST(TypeName, LeavesOutNamespacesAndClasses) {
  EXPECT_EQ(ff::unqualified_name("Plain"), "Plain");
  EXPECT_EQ(ff::unqualified_name("a::b::Inner"), "Inner");
  EXPECT_EQ(ff::unqualified_name("(anonymous namespace)::Local"), "Local");
  EXPECT_EQ(ff::unqualified_name("f(std::string const&)::Local"), "Local");
  EXPECT_EQ(ff::unqualified_name(""), "");
}

TEST(TypeName, KeepsTemplateArguments) {
  EXPECT_EQ(ff::unqualified_name("a::Wrap<b::Inner>"), "Wrap<b::Inner>");
  EXPECT_EQ(ff::unqualified_name("a::Wrap<b::Inner<c::D>, (anonymous namespace)::E>"),
            "Wrap<b::Inner<c::D>, (anonymous namespace)::E>");
  EXPECT_EQ(ff::unqualified_name("a::Outer<b::C>::Inner"), "Inner");
}

}  // namespace
