#include "dispatch/output_scope.h"

namespace ff::dispatch {
namespace {

thread_local WantedOutput wanted_here;

}  // namespace

const WantedOutput& wanted_output() {
  return wanted_here;
}

OutputScope::OutputScope(const WantedOutput& output) : before_(wanted_here) {
  wanted_here = output;
}

OutputScope::~OutputScope() {
  wanted_here = before_;
}

}  // namespace ff::dispatch
