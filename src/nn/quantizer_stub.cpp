#include "fastforward/nn/quantizer_stub.h"

#include <sstream>

namespace ff::nn {

std::string QuantizerStubImpl::extra_repr() const {
  std::ostringstream stream;
  stream << metadata();
  return stream.str();
}

}  // namespace ff::nn
