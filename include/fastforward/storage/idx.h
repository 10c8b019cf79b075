#pragma once

#include "fastforward/core/api.h"

#include <ATen/core/Tensor.h>

#include <filesystem>

namespace ff::storage {

/// Reads a file in the IDX format, the format of the MNIST family of data sets, plain or compressed
/// with gzip (told by its first bytes, not by its name).
///
/// The result has the sizes that the file announces and the dtype of its type code: 0x08 uint8,
/// 0x09 int8, 0x0B int16, 0x0C int32, 0x0D float32, 0x0E float64. It is contiguous and on the CPU.
/// Values are taken as they are, NaN and Inf included. A dimension of size 0 gives an empty tensor,
/// no dimensions give a zero-dimensional one.
///
/// The file may hold anything: what it announces is checked against its size before memory is
/// allocated, and inflating stops at the first byte that the header did not announce.
///
/// Throws c10::ValueError, with the file, the byte, what is there and what was expected, if the
/// file cannot be read, is not IDX, is damaged, ends too early or goes on after its data.
///
/// Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section
/// "File formats".
///
///     // uint8 [60000, 28, 28]
///     torch::Tensor images = ff::storage::read_idx("train-images-idx3-ubyte.gz");
FF_API at::Tensor read_idx(const std::filesystem::path& path);

}  // namespace ff::storage
