#pragma once

#include <iosfwd>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/model/mpath_collection.h"
#include "fastforward/model/mpath_fragment.h"
#include "fastforward/model/mpath_tree.h"
#include "fastforward/nn/named_quantizers.h"

namespace ff::mpath {

/// A parsed query: what a path from the root to a module must look like, level by level.
///
/// docs/selectors.md has the language. Source: FastForward's mpath.
class FF_API Selector {
 public:
  /// One step of a selector.
  struct Step {
    /// What a step is.
    enum class Kind {
      kLevel,     ///< one level, on which all of `fragments` hold
      kAnyDepth,  ///< `**`: any number of levels, also none
      kOneOf      ///< `{a, b/c}`: one of `selectors`
    };
    /// What it is.
    Kind kind;
    /// Of kLevel.
    std::vector<FragmentPtr> fragments;
    /// Of kOneOf.
    std::vector<Selector> selectors;
  };

  /// Parses a query. A string converts, so every function that takes a Selector takes a query.
  Selector(const char* query);
  /// Parses a query.
  Selector(const std::string& query);
  /// A selector of one level with one condition.
  Selector(FragmentPtr fragment);
  /// A selector of these steps. Throws c10::ValueError if there are none.
  explicit Selector(std::vector<Step> steps);

  /// Returns the steps.
  const std::vector<Step>& steps() const {
    return steps_;
  }
  /// Returns the query. Parsing it gives an equal selector, where no predicate() is in it.
  std::string str() const;
  /// Equal if both print the same.
  bool operator==(const Selector& other) const {
    return str() == other.str();
  }

 private:
  std::vector<Step> steps_;
};

/// Queries by name, for `&name`.
using Aliases = std::map<std::string, Selector>;

/// Parses a query in which `&name` stands for a query of `aliases`.
///
/// Throws c10::ValueError for a query that is none. The text shows it, with a caret under the
/// character, and says what was expected there.
FF_API Selector query(const std::string& text, const Aliases& aliases = {});

/// Returns `a` followed by `b`: their queries with a '/' between.
FF_API Selector operator/(const Selector& a, const Selector& b);
/// Returns what matches where one of the two does: "{a, b}".
FF_API Selector operator|(const Selector& a, const Selector& b);
/// Writes the query.
FF_API std::ostream& operator<<(std::ostream& stream, const Selector& selector);

/// Returns all modules below `root` that match, in the order of registration, parents before
/// children. `root` itself is never among them. A module with two names is there twice.
///
///     for (const auto& match : ff::mpath::search("encoder/**/[cls:Linear]", model))
///       std::cout << match.name << "\n";
///
/// Throws c10::ValueError if a [cls:...] names a class that is not known (register_class) and of
/// which the model has no module: a typing error would match nothing, unseen.
FF_API MPathCollection search(const Selector& selector, const nn::ModuleRef& root);

/// Returns the nodes below `root` that match, with their paths ("a.b"), in the same order.
FF_API std::vector<std::pair<std::string, NodePtr>> search(const Selector& selector,
                                                           const NodePtr& root);

}  // namespace ff::mpath
