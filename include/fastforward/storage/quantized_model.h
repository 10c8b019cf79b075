#pragma once

#include <filesystem>

#include "fastforward/core/api.h"
#include "fastforward/nn/named_quantizers.h"
#include "fastforward/storage/state.h"

namespace ff {

/// Writes a model into a folder: its parameters and buffers, the state of its quantizers
/// (save_quantization_state), and manifest.json with the names, sizes and SHA-256 of both files.
///
/// The folder is made if it is not there, its parent must be. What it holds changes at once and
/// whole: the new files get new names, then manifest.json is replaced, then the files of the
/// earlier manifest are removed; other files stay. A killed process can leave files behind that no
/// manifest names. Tensors that are the same one are stored once.
///
/// Throws what save_quantization_state and storage::write_safetensors throw, and c10::ValueError if
/// the folder cannot be made. Then the folder holds the earlier model, if any.
///
///     ff::save_quantized_model(model, "resnet-w8a8");
///     ff::load_quantized_model(same_architecture, "resnet-w8a8");
FF_API void save_quantized_model(const nn::ModuleRef& model, const std::filesystem::path& folder);

/// Brings the parameters, buffers and quantizers of a model into the state of a folder.
///
/// Sizes and hashes are checked first, then everything else, and only then the model is changed.
/// Values are copied into the model's own tensors, which keep device and requires_grad.
///
/// Throws c10::ValueError if a file is missing, has another size or another hash than the manifest
/// says, is damaged or of a newer version; and what load_quantization_state throws.
FF_API LoadReport load_quantized_model(const nn::ModuleRef& model,
                                       const std::filesystem::path& folder,
                                       const LoadOptions& options = {});

}  // namespace ff
