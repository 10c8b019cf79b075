#pragma once

#include <torch/nn/module.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/nn/tag.h"

namespace ff::mpath {

/// A node of a tree that selectors search: a module, or whatever has named children.
///
/// torch::nn modules have theirs already (see search()). Another tree implements this interface.
class FF_API Node {
 public:
  virtual ~Node() = default;

  /// Returns the children with their names, in the order in which they are to be found.
  virtual std::vector<std::pair<std::string, std::shared_ptr<const Node>>> children() const = 0;
  /// Returns the name of the node's class, like "Linear".
  virtual std::string class_name() const = 0;
  /// True if the node is of class `name`, or of one derived from it. By default, if class_name() is
  /// `name`.
  virtual bool is_a(const std::string& name) const {
    return class_name() == name;
  }
  /// True if the node is a quantizer with `tag`, or with one below it. By default false.
  virtual bool has_tag(const nn::Tag& /*tag*/) const {
    return false;
  }
};

/// A node by reference.
using NodePtr = std::shared_ptr<const Node>;

/// A module that says itself of which class it is to selectors.
class FF_API ClassNamed {
 public:
  virtual ~ClassNamed() = default;
  /// Returns the class, like "aten::conv2d"; [cls:conv2d] finds it as well.
  virtual std::string class_name() const = 0;
  /// Returns the module that it stands for, whose base classes count; null if there is none.
  virtual const torch::nn::Module* original() const {
    return nullptr;
  }
};

/// A torch::nn::Module as a node.
class FF_API ModuleNode final : public Node {
 public:
  /// The root of a model; `module` must outlive the node.
  explicit ModuleNode(torch::nn::Module& module) : module_(&module) {}
  /// A child that `parent` has under the name `key`.
  ModuleNode(std::shared_ptr<torch::nn::Module> module, torch::nn::Module& parent, std::string key)
      : module_(module.get()), owned_(std::move(module)), parent_(&parent), key_(std::move(key)) {}

  std::vector<std::pair<std::string, NodePtr>> children() const override;
  /// The C++ type without namespaces of LibTorch and FastForward and without "Impl": "Linear",
  /// "QuantizedLinear", "mine::Block".
  std::string class_name() const override;
  /// Names may be written as in C++ or Python: "Linear", "torch::nn::Linear", "torch.nn.Linear".
  /// Classes derived from `name` count if `name` is of LibTorch or FastForward or was registered
  /// with register_class().
  bool is_a(const std::string& name) const override;
  bool has_tag(const nn::Tag& tag) const override;

  /// Returns the module.
  torch::nn::Module& module() const {
    return *module_;
  }
  /// Returns the module by pointer, null for the root.
  const std::shared_ptr<torch::nn::Module>& owned() const {
    return owned_;
  }
  /// Returns the module that has this one as a child, null for the root.
  torch::nn::Module* parent() const {
    return parent_;
  }
  /// Returns the name under which the parent has this module.
  const std::string& key() const {
    return key_;
  }

 private:
  torch::nn::Module* module_;
  std::shared_ptr<torch::nn::Module> owned_;
  torch::nn::Module* parent_ = nullptr;
  std::string key_;
};

/// Ends a registration when it goes.
class FF_API Registration {
 public:
  /// Calls `end` when it goes.
  explicit Registration(std::function<void()> end) : end_(std::move(end)) {}
  /// Takes the registration of `other` over.
  Registration(Registration&& other) noexcept : end_(std::exchange(other.end_, nullptr)) {}
  Registration& operator=(Registration&&) = delete;
  ~Registration() {
    if (end_)
      end_();
  }

 private:
  std::function<void()> end_;
};

namespace detail {

/// The name as [cls:...] compares it: "torch.nn.LinearImpl" gives "Linear".
FF_API std::string plain_class_name(const std::string& name);

/// The class of a module in that form.
FF_API std::string class_name_of(const torch::nn::Module& module);

/// True if there is a test for classes derived from `name`.
FF_API bool is_known_class(const std::string& name);

FF_API Registration register_class(const std::string& name,
                                   std::function<bool(const torch::nn::Module&)> is_instance);

}  // namespace detail

/// Makes [cls:name] match modules of type `ModuleImpl` and of types derived from it, until the
/// result goes. A class that is not registered matches by its own type only.
///
///     const auto registration = ff::mpath::register_class<mine::BlockImpl>("Block");
///
/// Throws c10::ValueError if `name` is registered already.
template <typename ModuleImpl>
[[nodiscard]] Registration register_class(const std::string& name) {
  return detail::register_class(name, [](const torch::nn::Module& module) {
    return dynamic_cast<const ModuleImpl*>(&module) != nullptr;
  });
}

}  // namespace ff::mpath
