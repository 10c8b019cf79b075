#include "dispatch/builtin.h"

namespace ff::dispatch {
namespace {

// The library is always a shared one, so this runs when it is loaded.
[[maybe_unused]] const bool registered = [] {
  register_conversions();
  register_structural();
  register_pieces();
  register_cat();
  register_dropout();
  register_max_pool();
  register_upsample_nearest();
  return true;
}();

}  // namespace
}  // namespace ff::dispatch
