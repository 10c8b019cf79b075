#include "model/mpath_class_fragment.h"

#include <c10/util/Exception.h>

#include <utility>

namespace ff::mpath {

ClassFragment::ClassFragment(const std::string& name) : name_(detail::plain_class_name(name)) {
  TORCH_CHECK_VALUE(!name_.empty(), "the class is missing, like [cls:Linear].");
}

bool ClassFragment::matches(const std::string&, const Node& node) const {
  return node.is_a(name_);
}

std::string ClassFragment::str() const {
  return detail::bracketed("cls", name_);
}

NegatedFragment::NegatedFragment(FragmentPtr fragment) : fragment_(std::move(fragment)) {
  TORCH_CHECK_VALUE(fragment_ != nullptr, "mpath: the fragment to negate is null.");
}

bool NegatedFragment::matches(const std::string& name, const Node& node) const {
  return !fragment_->matches(name, node);
}

std::string NegatedFragment::str() const {
  return c10::str("~", fragment_->str());
}

}  // namespace ff::mpath
