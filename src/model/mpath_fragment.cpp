#include "fastforward/model/mpath_fragment.h"

#include <c10/util/Exception.h>
#include <re2/re2.h>

#include <utility>

#include "model/mpath_class_fragment.h"
#include "model/mpath_text.h"

namespace ff::mpath {
namespace {

class NameFragment final : public Fragment {
 public:
  explicit NameFragment(std::string name) : name_(std::move(name)) {}
  bool matches(const std::string& name, const Node&) const override {
    return name == name_;
  }
  std::string str() const override {
    return is_plain_name(name_) ? name_ : quoted(name_);
  }

 private:
  std::string name_;
};

class AnyFragment final : public Fragment {
 public:
  bool matches(const std::string&, const Node&) const override {
    return true;
  }
  std::string str() const override {
    return "*";
  }
};

class RegexFragment final : public Fragment {
 public:
  explicit RegexFragment(const std::string& pattern)
      : pattern_(pattern, RE2::Quiet), text_(pattern) {
    TORCH_CHECK_VALUE(pattern_.ok(), "'", pattern,
                      "' is no regular expression of RE2: ", pattern_.error(), ".");
  }
  bool matches(const std::string& name, const Node&) const override {
    return RE2::FullMatch(name, pattern_);
  }
  std::string str() const override {
    return detail::bracketed("re", text_);
  }

 private:
  RE2 pattern_;
  std::string text_;
};

class TagFragment final : public Fragment {
 public:
  explicit TagFragment(std::vector<nn::Tag> tags) : tags_(std::move(tags)) {
    TORCH_CHECK_VALUE(!tags_.empty(), "a tag is missing, like [qtag:parameter/weight].");
    for (const nn::Tag& tag : tags_)
      TORCH_CHECK_VALUE(!tag.str().empty(), "a tag is empty; give one like parameter/weight.");
  }
  bool matches(const std::string&, const Node& node) const override {
    for (const nn::Tag& tag : tags_) {
      if (!node.has_tag(tag))
        return false;
    }
    return true;
  }
  std::string str() const override {
    std::string text;
    for (const nn::Tag& tag : tags_)
      text += (text.empty() ? "" : ", ") + tag.str();
    return detail::bracketed("qtag", text);
  }

 private:
  std::vector<nn::Tag> tags_;
};

class PredicateFragment final : public Fragment {
 public:
  PredicateFragment(std::string text,
                    std::function<bool(const std::string&, const Node&)> condition)
      : text_(std::move(text)), condition_(std::move(condition)) {}
  bool matches(const std::string& name, const Node& node) const override {
    return condition_(name, node);
  }
  std::string str() const override {
    return c10::str("<", text_, ">");
  }

 private:
  std::string text_;
  std::function<bool(const std::string&, const Node&)> condition_;
};

}  // namespace

namespace detail {

std::string bracketed(const std::string& tag, const std::string& text) {
  std::string result = "[" + tag + ":";
  for (const char c : text) {
    if (c == '[' || c == ']')
      result += '\\';
    result += c;
  }
  return result + "]";
}

}  // namespace detail

FragmentPtr name_is(const std::string& name) {
  return std::make_shared<NameFragment>(name);
}
FragmentPtr any_name() {
  return std::make_shared<AnyFragment>();
}
FragmentPtr class_is(const std::string& name) {
  return std::make_shared<ClassFragment>(name);
}
FragmentPtr name_fits(const std::string& pattern) {
  return std::make_shared<RegexFragment>(pattern);
}
FragmentPtr has_tags(const std::vector<nn::Tag>& tags) {
  return std::make_shared<TagFragment>(tags);
}
FragmentPtr negated(const FragmentPtr& fragment) {
  return std::make_shared<NegatedFragment>(fragment);
}
FragmentPtr predicate(const std::string& text,
                      std::function<bool(const std::string&, const Node&)> condition) {
  return std::make_shared<PredicateFragment>(text, std::move(condition));
}

}  // namespace ff::mpath
