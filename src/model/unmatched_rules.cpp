#include "model/unmatched_rules.h"

#include <algorithm>

#include "model/site.h"

namespace ff::model {
namespace {

// A quantizer that a site could have had.
class ImaginedPlace final : public mpath::Node {
 public:
  explicit ImaginedPlace(nn::Tag tag) : metadata_({std::move(tag)}) {}

  std::vector<std::pair<std::string, mpath::NodePtr>> children() const override {
    return {};
  }
  std::string class_name() const override {
    return "QuantizerStub";
  }
  bool is_a(const std::string& name) const override {
    return name == "QuantizerStub" || name == "Quantizer";
  }
  bool has_tag(const nn::Tag& tag) const override {
    return metadata_.has_tag(tag);
  }

 private:
  nn::QuantizerMetadata metadata_;
};

// A module whose sites have all places.
class ImaginedNode final : public mpath::Node {
 public:
  explicit ImaginedNode(std::shared_ptr<const mpath::ModuleNode> node) : node_(std::move(node)) {}

  std::vector<std::pair<std::string, mpath::NodePtr>> children() const override {
    std::vector<std::pair<std::string, mpath::NodePtr>> result;
    for (const auto& [name, child] : node_->children()) {
      auto module = std::dynamic_pointer_cast<const mpath::ModuleNode>(child);
      if (dynamic_cast<const nn::QuantizerImpl*>(&module->module()) == nullptr)
        result.emplace_back(name, std::make_shared<ImaginedNode>(std::move(module)));
    }
    if (dynamic_cast<const SiteImpl*>(&node_->module()) == nullptr)
      return result;
    const auto add = [&](const char* name, const nn::Tag& tag) {
      result.emplace_back(name, std::make_shared<ImaginedPlace>(tag));
    };
    add("weight", nn::default_tags::weight_quantizer);
    add("input", nn::default_tags::input_quantizer);
    add("output", nn::default_tags::output_quantizer);
    return result;
  }
  std::string class_name() const override {
    return node_->class_name();
  }
  bool is_a(const std::string& name) const override {
    return node_->is_a(name);
  }

 private:
  std::shared_ptr<const mpath::ModuleNode> node_;
};

}  // namespace

std::vector<std::string> matches_without_place(const mpath::Selector& selector,
                                               torch::nn::Module& root) {
  std::vector<std::string> paths;
  for (const auto& [path, node] : mpath::search(
           selector, std::make_shared<ImaginedNode>(std::make_shared<mpath::ModuleNode>(root))))
    paths.push_back(path);
  return paths;
}

}  // namespace ff::model
