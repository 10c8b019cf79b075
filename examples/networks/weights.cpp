#include "weights.h"

#include <fastforward/storage/safetensors.h>

#include <algorithm>
#include <map>
#include <sstream>

namespace networks {
namespace {

using Tensors = std::map<std::string, torch::Tensor>;

Tensors tensors_of(const torch::nn::Module& module) {
  Tensors tensors;
  for (const auto& parameter : module.named_parameters()) {
    tensors[parameter.key()] = parameter.value();
  }
  for (const auto& buffer : module.named_buffers()) {
    tensors[buffer.key()] = buffer.value();
  }
  return tensors;
}

// What does not fit, a line each.
std::string misfits(const Tensors& wanted, const Tensors& given,
                    const std::vector<std::string>& unused) {
  std::ostringstream text;
  for (const auto& [name, tensor] : wanted) {
    const auto found = given.find(name);
    if (found == given.end()) {
      text << "\n  missing in the file: " << name;
    } else if (found->second.sizes() != tensor.sizes() ||
               found->second.scalar_type() != tensor.scalar_type()) {
      text << "\n  different: " << name << " is " << found->second.scalar_type() << " "
           << found->second.sizes() << " in the file, " << tensor.scalar_type() << " "
           << tensor.sizes() << " in the module";
    }
  }
  for (const auto& [name, tensor] : given) {
    if (!wanted.contains(name) && std::find(unused.begin(), unused.end(), name) == unused.end()) {
      text << "\n  missing in the module: " << name;
    }
  }
  return text.str();
}

}  // namespace

void load_weights(torch::nn::Module& module, const std::filesystem::path& file,
                  const std::vector<std::string>& unused) {
  const Tensors wanted = tensors_of(module), given = ff::storage::read_safetensors(file);
  const std::string text = misfits(wanted, given, unused);
  TORCH_CHECK_VALUE(text.empty(), "load_weights: '", file.string(), "' does not fit ",
                    module.name(), ":", text);
  const torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : wanted) {
    torch::Tensor(tensor).copy_(given.at(name));
  }
}

}  // namespace networks
