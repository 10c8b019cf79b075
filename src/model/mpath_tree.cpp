#include "fastforward/model/mpath_tree.h"

#include <c10/util/Exception.h>

#include <map>
#include <mutex>

#include "fastforward/nn/quantizer.h"
#include "model/mpath_classes.h"
#include "model/mpath_text.h"

namespace ff::mpath {
namespace {

struct Classes {
  std::mutex mutex;
  ClassTests tests = builtin_classes();
};

Classes& classes() {
  static Classes all;
  return all;
}

std::string without_prefix(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0 ? text.substr(prefix.size()) : text;
}

}  // namespace

namespace detail {

std::string plain_class_name(const std::string& name) {
  std::string plain;
  for (const char c : name)
    plain += c == '.' ? std::string("::") : std::string(1, c);
  // Until nothing changes: what is left of a name must be plain itself, so that it parses back.
  for (std::string before; before != plain;) {
    before = plain;
    plain = trimmed(plain);
    for (const char* prefix : {"torch::nn::", "ff::nn::", "fastforward::nn::"})
      plain = without_prefix(plain, prefix);
    constexpr size_t kImpl = 4;
    if (plain.size() > kImpl && plain.compare(plain.size() - kImpl, kImpl, "Impl") == 0)
      plain.resize(plain.size() - kImpl);
  }
  return plain;
}

std::string class_name_of(const torch::nn::Module& module) {
  if (const auto* named = dynamic_cast<const ClassNamed*>(&module))
    return named->class_name();
  return plain_class_name(c10::demangle(typeid(module).name()));
}

bool is_known_class(const std::string& name) {
  const std::scoped_lock lock(classes().mutex);
  return classes().tests.count(plain_class_name(name)) != 0;
}

Registration register_class(const std::string& name,
                            std::function<bool(const torch::nn::Module&)> is_instance) {
  const std::string plain = plain_class_name(name);
  const std::scoped_lock lock(classes().mutex);
  const bool added = classes().tests.emplace(plain, std::move(is_instance)).second;
  TORCH_CHECK_VALUE(added, "mpath: there is a class '", plain,
                    "' already; give register_class another name.");
  return Registration([plain] {
    const std::scoped_lock again(classes().mutex);
    classes().tests.erase(plain);
  });
}

}  // namespace detail

std::vector<std::pair<std::string, NodePtr>> ModuleNode::children() const {
  std::vector<std::pair<std::string, NodePtr>> result;
  for (const auto& child : module_->named_children())
    result.emplace_back(child.key(),
                        std::make_shared<ModuleNode>(child.value(), *module_, child.key()));
  return result;
}

std::string ModuleNode::class_name() const {
  return detail::class_name_of(*module_);
}

bool ModuleNode::is_a(const std::string& name) const {
  const std::string own = class_name(), wanted = detail::plain_class_name(name);
  if (own == wanted)
    return true;
  // A class in a namespace of the user's, by its last name.
  const size_t last = own.rfind("::");
  if (last != std::string::npos && own.substr(last + 2) == wanted)
    return true;
  ClassTest test;
  {
    const std::scoped_lock lock(classes().mutex);
    const auto found = classes().tests.find(wanted);
    if (found == classes().tests.end())
      return false;
    test = found->second;
  }
  const auto* named = dynamic_cast<const ClassNamed*>(module_);
  const torch::nn::Module* original = named == nullptr ? module_ : named->original();
  return original != nullptr && test(*original);
}

bool ModuleNode::has_tag(const nn::Tag& tag) const {
  const auto* quantizer = dynamic_cast<const nn::QuantizerImpl*>(module_);
  return quantizer != nullptr && quantizer->metadata().has_tag(tag);
}

}  // namespace ff::mpath
