#pragma once

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <exception>
#include <string>
#include <type_traits>
#include <typeinfo>

namespace ff::test {

/// What an error says, without the backtrace, which names functions and could match by chance.
inline std::string text_of(const std::exception& error) {
  if (const auto* torch_error = dynamic_cast<const c10::Error*>(&error))
    return torch_error->what_without_backtrace();
  return error.what();
}

/// Runs `statement` and says whether it throws an Error whose text has `part`. Derived types count
/// only for c10::Error itself, which LibTorch's own errors often are.
template <typename Error, typename Statement>
testing::AssertionResult throws(const char* code, const std::string& part,
                                const Statement& statement) {
  try {
    statement();
  } catch (const std::exception& error) {
    const bool type = dynamic_cast<const Error*>(&error) != nullptr &&
                      (std::is_same_v<Error, c10::Error> || typeid(error) == typeid(Error));
    if (type && text_of(error).find(part) != std::string::npos)
      return testing::AssertionSuccess();
    return testing::AssertionFailure()
           << code << "\nthrows " << c10::demangle(typeid(error).name()) << ": " << text_of(error)
           << "\nexpected " << c10::demangle_type<Error>() << " with \"" << part << "\"";
  }
  return testing::AssertionFailure() << code << "\nthrows nothing, expected "
                                     << c10::demangle_type<Error>() << " with \"" << part << "\"";
}

}  // namespace ff::test

/// Expects that a statement throws an error of just this type whose text has `part`.
#define EXPECT_ERROR(type, part, ...) \
  EXPECT_TRUE(                        \
      (::ff::test::throws<type>(#__VA_ARGS__, (part), [&] { static_cast<void>(__VA_ARGS__); })))
