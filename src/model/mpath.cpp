#include "fastforward/model/mpath.h"

#include <c10/util/Exception.h>

#include <ostream>

namespace ff::mpath {
namespace {

using Step = Selector::Step;
using Kind = Step::Kind;

std::string text_of(const Step& step) {
  std::string text;
  switch (step.kind) {
    case Kind::kAnyDepth:
      return "**";
    case Kind::kLevel:
      for (const FragmentPtr& fragment : step.fragments)
        text += fragment->str();
      return text;
    case Kind::kOneOf:
      for (const Selector& selector : step.selectors)
        text.append(text.empty() ? "" : ", ").append(selector.str());
      return c10::str("{", text, "}");
  }
  return text;
}

}  // namespace

Selector::Selector(const char* text) : Selector(query(text)) {}
Selector::Selector(const std::string& text) : Selector(query(text)) {}
Selector::Selector(FragmentPtr fragment) : Selector(std::vector<Step>(1)) {
  TORCH_CHECK_VALUE(fragment != nullptr, "mpath: the fragment of a Selector is null.");
  steps_[0] = {Kind::kLevel, {std::move(fragment)}, {}};
}
Selector::Selector(std::vector<Step> steps) : steps_(std::move(steps)) {
  TORCH_CHECK_VALUE(!steps_.empty(), "mpath: a Selector needs at least one step.");
}

std::string Selector::str() const {
  std::string text;
  for (const Step& step : steps_)
    text.append(text.empty() ? "" : "/").append(text_of(step));
  return text;
}

Selector operator/(const Selector& a, const Selector& b) {
  std::vector<Step> steps = a.steps();
  steps.insert(steps.end(), b.steps().begin(), b.steps().end());
  return Selector(std::move(steps));
}

Selector operator|(const Selector& a, const Selector& b) {
  return Selector({Step{Kind::kOneOf, {}, {a, b}}});
}

std::ostream& operator<<(std::ostream& stream, const Selector& selector) {
  return stream << selector.str();
}

}  // namespace ff::mpath
