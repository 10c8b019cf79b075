#include "fastforward/nn/quantizer.h"

#include <c10/util/Exception.h>

#include <atomic>
#include <ostream>

#include "core/error.h"
#include "nn/description.h"
#include "tensor/plain.h"

namespace ff::nn {
namespace detail {

void check_not_sliced(const QuantizerImpl& quantizer, const std::type_info& copied) {
  TORCH_CHECK_TYPE(typeid(quantizer) == copied, "clone: ", quantizer.describe(),
                   " is derived from a quantizer whose clone() copies that quantizer only; derive "
                   "it from ff::nn::CloneableQuantizer with its own type, or override clone().");
}

}  // namespace detail

namespace {

// Calls the override before `end`, or `last` when there is none.
at::Tensor call_before(QuantizerImpl& quantizer, const OverrideList::Entries& entries, size_t end,
                       const NextFunction& last, const at::Tensor& data) {
  if (end == 0)
    return last(data);
  return entries[end - 1]->function(
      quantizer,
      [&, end](const at::Tensor& next) {
        return call_before(quantizer, entries, end - 1, last, next);
      },
      data);
}

}  // namespace

at::Tensor QuantizerImpl::run(const NextFunction& last, const at::Tensor& data) {
  return with_location([this] { return describe(); },
                       [&] {
                         const OverrideList::Entries entries =
                             *overrides_.entries();  // may change while they run
                         return call_before(*this, entries, entries.size(), last, data);
                       });
}

at::Tensor QuantizerImpl::forward(const at::Tensor& data) {
  if (overrides_.entries()->empty())
    return with_location([this] { return describe(); }, [&] { return quantize(data); });
  return run([this](const at::Tensor& next) { return quantize(next); }, data);
}

at::Tensor QuantizerImpl::fake_quantize(const at::Tensor& data, bool overwrite) {
  if (overrides_.entries()->empty())
    return with_location([this] { return describe(); },
                         [&] { return quantized_values(data, overwrite); });
  // An override may look at the data after it called on, so nothing is overwritten.
  return plain(run([&](const at::Tensor& next) { return quantized_values(next, false); }, data));
}

at::Tensor QuantizerImpl::quantized_values(const at::Tensor& data, bool /*overwrite*/) {
  return plain(quantize(data));
}

std::optional<BoundQuantizationFunction> QuantizerImpl::fixed_function() const {
  return overrides_.entries()->empty() ? function_of_any_data() : std::nullopt;
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
  return holder_name(name());
}

std::string QuantizerImpl::describe() const {
  return described(type_name(), path_);
}

void QuantizerImpl::pretty_print(std::ostream& stream) const {
  stream << type_name() << "(" << extra_repr() << ")";
}

}  // namespace ff::nn
