#include "fastforward/nn/quantizer.h"

#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>
#include <torch/nn/cloneable.h>

#include <algorithm>
#include <atomic>
#include <ostream>
#include <string_view>

#include "core/error.h"
#include "fastforward/core/type_name.h"

// torch::nn::Module lets only its Cloneable reach what a clone needs. This is one of ours.
template <>
class torch::nn::Cloneable<ff::nn::detail::ClonedState> {
 public:
  static void clear(Module& module) {
    module.parameters_.clear();
    module.buffers_.clear();
    module.children_.clear();
  }

  static void fill(Module& copy, const Module& original, const std::optional<Device>& device) {
    const NoGradGuard no_grad;
    fill_tensors(copy.parameters_, original.parameters_, device, "parameter");
    fill_tensors(copy.buffers_, original.buffers_, device, "buffer");
    check_count(copy.children_.size(), original.children_.size(), "child module");
    for (const auto& child : original.children_)
      copy.children_[child.key()]->clone_(*child.value(), device);
  }

 private:
  using Tensors = OrderedDict<std::string, Tensor>;

  static void check_count(size_t got, size_t expected, const char* what) {
    TORCH_CHECK(got == expected, "clone: reset() registered ", got, " ", what,
                "s, but the original has ", expected, "; register each ", what,
                " in reset(), not in the constructor.");
  }

  static void fill_tensors(Tensors& copies, const Tensors& originals,
                           const std::optional<Device>& device, const char* what) {
    check_count(copies.size(), originals.size(), what);
    for (const auto& original : originals) {
      const Tensor& tensor = original.value();
      const bool moves = device.has_value() && tensor.device() != *device;
      Tensor& copy = copies[original.key()];
      copy.set_data(moves ? tensor.to(*device) : tensor.clone());
      copy.set_requires_grad(tensor.requires_grad());
    }
  }
};

namespace ff::nn {
namespace detail {

void ClonedState::clear(torch::nn::Module& copy) {
  torch::nn::Cloneable<ClonedState>::clear(copy);
}

void ClonedState::fill(torch::nn::Module& copy, const torch::nn::Module& original,
                       const std::optional<torch::Device>& device) {
  torch::nn::Cloneable<ClonedState>::fill(copy, original, device);
}

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
