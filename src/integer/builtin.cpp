#include "integer/builtin.h"

namespace ff::integer {
namespace {

[[maybe_unused]] const bool registered = [] {
  register_products();
  register_functions();
  register_arithmetic();
  register_averages();
  register_moves();
  register_block_operators();
  return true;
}();

}  // namespace
}  // namespace ff::integer
