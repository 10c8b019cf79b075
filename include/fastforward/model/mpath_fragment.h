#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/model/mpath_tree.h"
#include "fastforward/nn/tag.h"

namespace ff::mpath {

/// A condition on one level of a path.
class FF_API Fragment {
 public:
  virtual ~Fragment() = default;

  /// True if the node, which its parent has under the name `name`, meets the condition.
  virtual bool matches(const std::string& name, const Node& node) const = 0;
  /// Returns the condition as it stands in a query, like "[cls:Linear]". Fragments with one text
  /// are one condition.
  virtual std::string str() const = 0;
};

/// A fragment by reference; fragments do not change.
using FragmentPtr = std::shared_ptr<const Fragment>;

/// Returns the condition that the name is `name`.
FF_API FragmentPtr name_is(const std::string& name);
/// Returns `*`, which every node meets.
FF_API FragmentPtr any_name();
/// Returns [cls:name], see ModuleNode::is_a.
FF_API FragmentPtr class_is(const std::string& name);
/// Returns [re:pattern]: the regular expression, in RE2's syntax, matches the whole name. Throws
/// c10::ValueError if it is none.
FF_API FragmentPtr name_fits(const std::string& pattern);
/// Returns [qtag:a, b]: the node is a quantizer that has all of the tags, or tags below them.
FF_API FragmentPtr has_tags(const std::vector<nn::Tag>& tags);
/// Returns ~fragment.
FF_API FragmentPtr negated(const FragmentPtr& fragment);
/// Returns a condition of your own. `text` is how it prints; a query with it cannot be parsed.
FF_API FragmentPtr
predicate(const std::string& text,
          std::function<bool(const std::string& name, const Node& node)> condition);

/// Makes a fragment from the text after the colon of [tag:text].
using FragmentFactory = std::function<FragmentPtr(const std::string& text)>;

/// Makes [tag:text] a fragment until the result goes. `factory` may throw c10::Error; the parser
/// adds the query and the place. The fragment's str() should be "[tag:text]" again.
///
/// There from the start: cls and class, re and regex, qtag and quantizer. Throws c10::ValueError if
/// `tag` is taken or is no name of letters, digits and underscores.
[[nodiscard]] FF_API Registration register_fragment(const std::string& tag,
                                                    FragmentFactory factory);

namespace detail {

/// "[tag:text]", with the brackets in `text` escaped.
FF_API std::string bracketed(const std::string& tag, const std::string& text);

}  // namespace detail

}  // namespace ff::mpath
