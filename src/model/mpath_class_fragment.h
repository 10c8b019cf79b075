#pragma once

#include <string>

#include "fastforward/model/mpath_fragment.h"

namespace ff::mpath {

/// [cls:name]. search() looks for these, to report classes that nothing is known of.
class ClassFragment final : public Fragment {
 public:
  explicit ClassFragment(const std::string& name);
  bool matches(const std::string& name, const Node& node) const override;
  std::string str() const override;

  const std::string& class_name() const {
    return name_;
  }

 private:
  std::string name_;
};

/// ~fragment.
class NegatedFragment final : public Fragment {
 public:
  explicit NegatedFragment(FragmentPtr fragment);
  bool matches(const std::string& name, const Node& node) const override;
  std::string str() const override;

  const Fragment& negated() const {
    return *fragment_;
  }

 private:
  FragmentPtr fragment_;
};

}  // namespace ff::mpath
