#include <c10/util/Exception.h>

#include <string>
#include <utility>
#include <vector>

#include "fastforward/model/mpath.h"
#include "model/mpath_registry.h"
#include "model/mpath_text.h"

namespace ff::mpath {
namespace {

using Step = Selector::Step;
using Kind = Step::Kind;

// The query on one line, and a caret under a byte of it.
std::string with_caret(const std::string& text, size_t position) {
  std::string line, caret;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    line += byte < 0x20 || byte == 0x7f ? ' ' : text[i];
    const bool continues_a_character = (byte & 0xc0) == 0x80;
    if (i < position && !continues_a_character)
      caret += ' ';
  }
  return "\n  " + line + "\n  " + caret + "^";
}

class Parser {
 public:
  Parser(const std::string& text, const Aliases& aliases) : text_(text), aliases_(aliases) {}

  std::vector<Step> parse() {
    take_separator();
    std::vector<Step> steps = parse_steps(0);
    if (!at_end())
      fail("expected '/' or the end of the query");
    return steps;
  }

 private:
  // {...} in {...}: no query of people's is so deep, and the stack is finite.
  static constexpr int kMostNested = 50;

  std::vector<Step> parse_steps(int depth) {
    std::vector<Step> steps;
    do {
      if (!steps.empty() && at_end())
        break;  // a '/' at the end
      parse_step(depth, steps);
    } while (take_separator());
    return steps;
  }

  void parse_step(int depth, std::vector<Step>& steps) {
    skip_spaces();
    if (text_.compare(position_, 2, "**") == 0) {
      position_ += 2;
      steps.push_back({Kind::kAnyDepth, {}, {}});
    } else if (take('{')) {
      steps.push_back({Kind::kOneOf, {}, parse_alternatives(depth + 1)});
    } else if (take('&')) {
      const std::vector<Step>& alias = parse_alias();
      steps.insert(steps.end(), alias.begin(), alias.end());
    } else {
      steps.push_back({Kind::kLevel, parse_level(), {}});
    }
  }

  std::vector<Selector> parse_alternatives(int depth) {
    if (depth > kMostNested)
      fail(c10::str("expected at most ", kMostNested, " '{' inside one another"));
    std::vector<Selector> result;
    do {
      result.emplace_back(parse_steps(depth));
    } while (take(','));
    if (!take('}'))
      fail("expected ',' or '}'");
    return result;
  }

  const std::vector<Step>& parse_alias() {
    const size_t begin = position_;
    const std::string name = take_name();
    const auto found = aliases_.find(name);
    if (found == aliases_.end()) {
      position_ = begin;
      fail(name.empty() ? "expected the name of an alias"
                        : "expected the name of an alias, but none is called '" + name + "'");
    }
    return found->second.steps();
  }

  // A name, or conditions that stand side by side: all hold on one level.
  std::vector<FragmentPtr> parse_level() {
    std::vector<FragmentPtr> fragments{parse_fragment()};
    while (next_is('[') || next_is('~'))
      fragments.push_back(parse_fragment());
    return fragments;
  }

  FragmentPtr parse_fragment() {
    bool is_negated = false;
    while (take('~'))
      is_negated = !is_negated;
    FragmentPtr fragment = parse_plain_fragment();
    return is_negated ? negated(fragment) : fragment;
  }

  FragmentPtr parse_plain_fragment() {
    skip_spaces();
    if (take('*'))
      return any_name();
    if (take('"'))
      return name_is(take_quoted());
    if (take('['))
      return parse_bracket();
    const std::string name = take_name();
    if (name.empty())
      fail("expected a name, '*', '**', '[', '{', '~' or '&'");
    return name_is(name);
  }

  FragmentPtr parse_bracket() {
    skip_spaces();
    const size_t begin = position_;
    const std::string tag = take_name();
    const auto factory = fragment_factory(tag);
    if (!factory.has_value()) {
      position_ = begin;
      fail("expected one of the fragments " + fragment_tags());
    }
    if (!take(':'))
      fail("expected ':'");
    const size_t text_begin = position_;
    const std::string text = take_until_bracket();
    try {
      FragmentPtr fragment = (*factory)(text);
      TORCH_CHECK_VALUE(fragment != nullptr, "the factory of [", tag, ":...] gave no fragment.");
      return fragment;
    } catch (const c10::Error& error) {
      position_ = text_begin;
      fail(error.what_without_backtrace());
    }
  }

  // Up to the first ']' without a backslash, and past it. A backslash is taken from brackets only,
  // so that a pattern keeps its own.
  std::string take_until_bracket() {
    std::string result;
    for (; position_ < text_.size(); ++position_) {
      const char c = text_[position_];
      if (c == ']') {
        ++position_;
        return result;
      }
      const char next = position_ + 1 < text_.size() ? text_[position_ + 1] : '\0';
      if (c == '\\' && (next == '[' || next == ']'))
        ++position_;
      result += text_[position_];
    }
    fail("expected ']'");
  }

  std::string take_quoted() {
    std::string result;
    for (; position_ < text_.size(); ++position_) {
      if (text_[position_] == '"') {
        ++position_;
        return result;
      }
      if (text_[position_] == '\\' && position_ + 1 < text_.size())
        ++position_;
      result += text_[position_];
    }
    fail("expected '\"'");
  }

  std::string take_name() {
    skip_spaces();
    const size_t begin = position_;
    while (position_ < text_.size() && is_name_character(text_[position_]))
      ++position_;
    return text_.substr(begin, position_ - begin);
  }

  // A dot separates as well, so that names of modules are queries.
  bool take_separator() {
    return take('/') || take('.');
  }
  bool next_is(char c) {
    skip_spaces();
    return position_ < text_.size() && text_[position_] == c;
  }
  bool take(char c) {
    if (!next_is(c))
      return false;
    ++position_;
    return true;
  }
  bool at_end() {
    skip_spaces();
    return position_ == text_.size();
  }
  void skip_spaces() {
    while (position_ < text_.size() &&
           (text_[position_] == ' ' || text_[position_] == '\t' || text_[position_] == '\n'))
      ++position_;
  }

  [[noreturn]] void fail(const std::string& what) const {
    const std::string found =
        position_ < text_.size() ? "" : std::string(", but the query ends here");
    TORCH_CHECK_VALUE(false, "mpath: character ", position_ + 1, ": ", what, found,
                      with_caret(text_, position_));
  }

  const std::string& text_;
  const Aliases& aliases_;
  size_t position_ = 0;
};

}  // namespace

Selector query(const std::string& text, const Aliases& aliases) {
  return Selector(Parser(text, aliases).parse());
}

}  // namespace ff::mpath
