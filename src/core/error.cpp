#include "core/error.h"

namespace ff {
namespace {

template <typename ErrorType>
[[noreturn]] void throw_again(const c10::Error& error, const std::string& where) {
  throw ErrorType({__func__, __FILE__, __LINE__}, where + ": " + error.msg());
}

}  // namespace

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
