#include "fastforward/model/mpath.h"

#include <string>
#include <vector>

#include "support/property.h"

namespace {

namespace mpath = ff::mpath;
using Step = mpath::Selector::Step;
using Kind = Step::Kind;
using ff::test::pick;

// Any text, brackets and quotes among it, from `alphabet`.
std::string pick_text(const std::string& alphabet, int64_t least) {
  std::string text;
  for (int64_t n = pick(least, 6); n > 0; --n)
    text += alphabet[static_cast<size_t>(pick(0, static_cast<int64_t>(alphabet.size()) - 1))];
  return text;
}

mpath::FragmentPtr pick_fragment() {
  switch (pick(0, 5)) {
    case 0:
      return mpath::any_name();
    case 1:
      return mpath::class_is("A" + pick_text("ab:.[]Impl", 0));
    case 2:
      // Pairs of brackets are a pattern, whatever is between them.
      return mpath::name_fits("x[" + pick_text("abcd^", 1) + "x]\\]" + pick_text("yz", 0));
    case 3:
      return mpath::has_tags({ff::nn::Tag("t" + pick_text("/ab[]", 0)), ff::nn::Tag("u")});
    case 4:
      return mpath::name_is(pick_text("ab \"\\/.[]{}~&*,\n", 0));
    default:
      return mpath::name_is(pick_text("abc_-0", 1));
  }
}

mpath::FragmentPtr pick_level_fragment() {
  mpath::FragmentPtr fragment = pick_fragment();
  return pick(0, 2) == 0 ? mpath::negated(fragment) : fragment;
}

bool may_stand_later(const mpath::FragmentPtr& fragment) {
  const char first = fragment->str().front();
  return first == '[' || first == '~';
}

mpath::Selector pick_selector(int64_t depth) {
  std::vector<Step> steps;
  for (int64_t n = pick(1, 3); n > 0; --n) {
    const int64_t kind = pick(0, depth > 0 ? 3 : 2);
    if (kind == 0) {
      steps.push_back({Kind::kAnyDepth, {}, {}});
    } else if (kind < 3) {
      Step step{Kind::kLevel, {pick_level_fragment()}, {}};
      for (int64_t more = pick(0, 2); more > 0; --more) {
        mpath::FragmentPtr fragment = pick_level_fragment();
        if (may_stand_later(fragment))
          step.fragments.push_back(fragment);
      }
      steps.push_back(step);
    } else {
      Step step{Kind::kOneOf, {}, {}};
      for (int64_t count = pick(1, 3); count > 0; --count)
        step.selectors.push_back(pick_selector(depth - 1));
      steps.push_back(step);
    }
  }
  return mpath::Selector(steps);
}

bool same_steps(const mpath::Selector& a, const mpath::Selector& b) {
  if (a.steps().size() != b.steps().size())
    return false;
  for (size_t i = 0; i < a.steps().size(); ++i) {
    const Step &x = a.steps()[i], &y = b.steps()[i];
    if (x.kind != y.kind || x.fragments.size() != y.fragments.size() ||
        x.selectors.size() != y.selectors.size())
      return false;
    for (size_t k = 0; k < x.fragments.size(); ++k) {
      if (x.fragments[k]->str() != y.fragments[k]->str())
        return false;
    }
    for (size_t k = 0; k < x.selectors.size(); ++k) {
      if (!same_steps(x.selectors[k], y.selectors[k]))
        return false;
    }
  }
  return true;
}

RC_GTEST_PROP(MPath, WhatIsPrintedParsesToTheSame, ()) {
  const mpath::Selector selector = pick_selector(3);
  RC_LOG() << selector.str();
  RC_ASSERT(same_steps(mpath::query(selector.str()), selector));
}

}  // namespace
