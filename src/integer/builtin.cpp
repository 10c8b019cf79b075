#include "integer/builtin.h"

namespace ff::integer {
namespace {

[[maybe_unused]] const bool registered = [] {
  register_products();
  return true;
}();

}  // namespace
}  // namespace ff::integer
