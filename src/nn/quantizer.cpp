#include "fastforward/nn/quantizer.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <atomic>
#include <ostream>
#include <string_view>

#include "core/error.h"
#include "fastforward/core/type_name.h"

namespace ff::nn {
namespace detail {

void check_not_sliced(const QuantizerImpl& quantizer, const std::type_info& copied) {
  TORCH_CHECK_TYPE(typeid(quantizer) == copied, "clone: ", quantizer.describe(),
                   " is derived from a quantizer whose clone() copies that quantizer only; derive "
                   "it from ff::nn::CloneableQuantizer with its own type, or override clone().");
}

}  // namespace detail

namespace {

// Calls the override before `end`, or quantize when there is none.
at::Tensor call_before(QuantizerImpl& quantizer, const OverrideList::Entries& entries, size_t end,
                       const at::Tensor& data) {
  if (end == 0)
    return quantizer.quantize(data);
  return entries[end - 1]->function(
      quantizer,
      [&, end](const at::Tensor& next) { return call_before(quantizer, entries, end - 1, next); },
      data);
}

}  // namespace

at::Tensor QuantizerImpl::forward(const at::Tensor& data) {
  return with_location([this] { return describe(); },
                       [&] {
                         if (overrides_.entries()->empty())
                           return quantize(data);
                         const OverrideList::Entries entries =
                             *overrides_.entries();  // may change while they run
                         return call_before(*this, entries, entries.size(), data);
                       });
}

OverrideHandle QuantizerImpl::register_override(OverrideFunction function) {
  static std::atomic<int64_t> last_id = 0;
  TORCH_CHECK_VALUE(function != nullptr, describe(), ": register_override got an empty function.");
  const int64_t id = ++last_id;
  overrides_.entries()->push_back(
      std::make_shared<OverrideList::Entry>(OverrideList::Entry{id, std::move(function)}));
  return OverrideHandle(overrides_.entries(), id);
}

std::string QuantizerImpl::type_name() const {
  std::string name = unqualified_name(this->name());
  const size_t end = std::min(name.find('<'), name.size());
  if (std::string_view(name).substr(0, end).ends_with("Impl"))
    name.erase(end - 4, 4);
  return name;
}

std::string QuantizerImpl::describe() const {
  return path_.empty() ? type_name() : type_name() + " '" + path_ + "'";
}

void QuantizerImpl::pretty_print(std::ostream& stream) const {
  stream << type_name() << "(" << extra_repr() << ")";
}

}  // namespace ff::nn
