#include "fastforward/dispatch/integer_guard.h"

namespace ff {
namespace {

thread_local bool enabled_here = false;

}  // namespace

bool integers_enabled() {
  return enabled_here;
}

IntegerGuard::IntegerGuard(bool enabled)
    : before_(enabled_here), gradients_(!enabled && at::GradMode::is_enabled()) {
  enabled_here = enabled;
}

IntegerGuard::~IntegerGuard() {
  enabled_here = before_;
}

}  // namespace ff
