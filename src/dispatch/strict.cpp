#include "fastforward/dispatch/strict.h"

namespace ff {
namespace {

thread_local bool strict_here = true;

}  // namespace

bool strict_quantization() {
  return strict_here;
}

StrictGuard::StrictGuard(bool strict) : before_(strict_here) {
  strict_here = strict;
}

StrictGuard::~StrictGuard() {
  strict_here = before_;
}

}  // namespace ff
