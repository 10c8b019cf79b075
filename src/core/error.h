#pragma once

#include <c10/util/Exception.h>

#include <exception>
#include <string>
#include <utility>

namespace ff {

/// What an error says, without LibTorch's backtrace.
std::string error_text(const std::exception& error);

/// Rethrows the LibTorch error that is being handled, same type, with "where: " put before its
/// text. Where the text names that location already, it is named once, in front.
///
/// Call it from a catch block only. Errors of other types than c10's pass unchanged.
[[noreturn]] void rethrow_with_location(const std::string& where);

/// Runs `body` and puts `where()` before the text of every LibTorch error that leaves it.
///
/// `where` is called only when there is an error, so the way without one costs nothing.
template <typename Where, typename Body>
decltype(auto) with_location(const Where& where, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (const c10::Error&) {
    rethrow_with_location(where());
  }
}

}  // namespace ff
