#include "core/error.h"

namespace ff {
namespace {

// "where: text"; a location that is in the text already moves to the front.
std::string located(const std::string& where, std::string text) {
  const std::string location = where + ": ";
  if (text.starts_with(location))
    return text;
  const size_t inside = text.find(": " + location);
  if (inside != std::string::npos)
    text.erase(inside + 2, location.size());
  return location + text;
}

template <typename ErrorType>
[[noreturn]] void throw_again(const c10::Error& error, const std::string& where) {
  throw ErrorType({__func__, __FILE__, __LINE__}, located(where, error.msg()));
}

}  // namespace

std::string error_text(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  return torch_error != nullptr ? torch_error->what_without_backtrace() : error.what();
}

void rethrow_with_location(const std::string& where) {
  try {
    throw;
  } catch (const c10::ValueError& error) {
    throw_again<c10::ValueError>(error, where);
  } catch (const c10::TypeError& error) {
    throw_again<c10::TypeError>(error, where);
  } catch (const c10::IndexError& error) {
    throw_again<c10::IndexError>(error, where);
  } catch (const c10::NotImplementedError& error) {
    throw_again<c10::NotImplementedError>(error, where);
  } catch (const c10::Error& error) {
    throw_again<c10::Error>(error, where);
  }
}

}  // namespace ff
