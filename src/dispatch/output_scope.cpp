#include "dispatch/output_scope.h"

#include <utility>

namespace ff::dispatch {
namespace {

thread_local const WantedOutput* wanted_here = nullptr;

}  // namespace

const WantedOutput& wanted_output() {
  static const WantedOutput nobody;
  return wanted_here == nullptr ? nobody : *wanted_here;
}

OutputScope::OutputScope(WantedOutput output) : output_(std::move(output)), before_(wanted_here) {
  wanted_here = &output_;
}

OutputScope::~OutputScope() {
  wanted_here = before_;
}

}  // namespace ff::dispatch
