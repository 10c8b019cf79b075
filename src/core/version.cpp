#include "fastforward/core/api.h"

#include <torch/version.h>

#define FF_TEXT_OF(x) #x
#define FF_TEXT(x) FF_TEXT_OF(x)

namespace ff {

std::string_view version() noexcept {
  return FF_TEXT(FF_VERSION_MAJOR) "." FF_TEXT(FF_VERSION_MINOR) "." FF_TEXT(FF_VERSION_PATCH);
}

std::string_view torch_version() noexcept {
  return TORCH_VERSION;
}

}  // namespace ff
