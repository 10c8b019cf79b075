#include <c10/util/Exception.h>

#include <algorithm>
#include <set>

#include "fastforward/model/mpath.h"
#include "model/mpath_class_fragment.h"

namespace ff::mpath {
namespace {

using Step = Selector::Step;
using Kind = Step::Kind;

// A selector as an automaton that reads a path level by level (K. Thompson, Regular Expression
// Search Algorithm, Communications of the ACM 11, 1968): a search takes a number of steps
// proportional to nodes times steps, whatever the query.
class Automaton {
 public:
  // States in which it may be, in ascending order.
  using States = std::vector<int>;

  explicit Automaton(const Selector& selector) {
    accepting_ = add_steps(selector.steps(), add_state());
  }

  States start() const {
    return closed({0});
  }
  bool accepts(const States& states) const {
    return std::binary_search(states.begin(), states.end(), accepting_);
  }
  States next(const States& states, const std::string& name, const Node& node) const {
    States result;
    for (const int state : states) {
      for (const auto& [fragments, target] : states_[state].levels) {
        const bool holds = fragments == nullptr ||
                           std::all_of(fragments->begin(), fragments->end(),
                                       [&](const auto& f) { return f->matches(name, node); });
        if (holds)
          result.push_back(target);
      }
    }
    return closed(std::move(result));
  }

 private:
  struct State {
    // Where one level leads; null fragments hold always.
    std::vector<std::pair<const std::vector<FragmentPtr>*, int>> levels;
    // Where no level leads.
    std::vector<int> free;
  };

  int add_state() {
    states_.emplace_back();
    return static_cast<int>(states_.size()) - 1;
  }

  // Adds what begins in `from`, and returns where it ends.
  int add_steps(const std::vector<Step>& steps, int from) {
    for (const Step& step : steps) {
      const int to = add_state();
      switch (step.kind) {
        case Kind::kLevel:
          states_[from].levels.emplace_back(&step.fragments, to);
          break;
        case Kind::kAnyDepth:
          states_[from].free.push_back(to);
          states_[to].levels.emplace_back(nullptr, to);
          break;
        case Kind::kOneOf:
          for (const Selector& selector : step.selectors) {
            const int end = add_steps(selector.steps(), from);
            states_[end].free.push_back(to);
          }
          break;
      }
      from = to;
    }
    return from;
  }

  // With all that is reached without a level.
  States closed(States states) const {
    std::vector<char> seen(states_.size(), 0);
    States result;
    while (!states.empty()) {
      const int state = states.back();
      states.pop_back();
      if (seen[state] != 0)
        continue;
      seen[state] = 1;
      result.push_back(state);
      states.insert(states.end(), states_[state].free.begin(), states_[state].free.end());
    }
    std::sort(result.begin(), result.end());
    return result;
  }

  std::vector<State> states_;
  int accepting_ = 0;
};

using Found = std::vector<std::pair<std::string, NodePtr>>;

void search_below(const Automaton& automaton, const Automaton::States& states,
                  const std::string& path, const Node& node, Found& found) {
  for (const auto& [name, child] : node.children()) {
    const Automaton::States next = automaton.next(states, name, *child);
    if (next.empty())
      continue;
    const std::string child_path = path.empty() ? name : path + "." + name;
    if (automaton.accepts(next))
      found.emplace_back(child_path, child);
    search_below(automaton, next, child_path, *child, found);
  }
}

void collect_classes(const Selector& selector, std::set<std::string>& names) {
  for (const Step& step : selector.steps()) {
    for (const FragmentPtr& fragment : step.fragments) {
      const Fragment* plain = fragment.get();
      while (const auto* negation = dynamic_cast<const NegatedFragment*>(plain))
        plain = &negation->negated();
      if (const auto* of_class = dynamic_cast<const ClassFragment*>(plain))
        names.insert(of_class->class_name());
    }
    for (const Selector& inner : step.selectors)
      collect_classes(inner, names);
  }
}

void collect_nodes(const Node& node, std::vector<NodePtr>& nodes) {
  for (const auto& [name, child] : node.children()) {
    nodes.push_back(child);
    collect_nodes(*child, nodes);
  }
}

void check_classes(const Selector& selector, const Node& root) {
  std::set<std::string> names;
  collect_classes(selector, names);
  for (auto name = names.begin(); name != names.end();)
    name = detail::is_known_class(*name) ? names.erase(name) : std::next(name);
  if (names.empty())
    return;
  std::vector<NodePtr> nodes;
  collect_nodes(root, nodes);
  std::set<std::string> present;
  for (const NodePtr& node : nodes)
    present.insert(node->class_name());
  for (const std::string& name : names) {
    const bool occurs = std::any_of(nodes.begin(), nodes.end(),
                                    [&](const NodePtr& node) { return node->is_a(name); });
    std::string all;
    for (const std::string& one : present)
      all += (all.empty() ? "" : ", ") + one;
    TORCH_CHECK_VALUE(occurs, "mpath: '", selector.str(), "' names the class ", name,
                      ", which is neither registered (register_class) nor the class of a module "
                      "in the model, which has ",
                      all.empty() ? "none" : all, ".");
  }
}

}  // namespace

Found search(const Selector& selector, const NodePtr& root) {
  TORCH_CHECK_VALUE(root != nullptr, "mpath: the root of the tree is null.");
  check_classes(selector, *root);
  const Automaton automaton(selector);
  Found found;
  search_below(automaton, automaton.start(), "", *root, found);
  return found;
}

MPathCollection search(const Selector& selector, const nn::ModuleRef& root) {
  std::vector<Match> matches;
  for (const auto& [name, node] : search(selector, std::make_shared<ModuleNode>(*root))) {
    const auto& found = dynamic_cast<const ModuleNode&>(*node);
    matches.push_back({name, found.owned(), found.parent(), found.key()});
  }
  return {*root, std::move(matches)};
}

}  // namespace ff::mpath
