#pragma once

namespace ff::integer {

/// The name of implementations that dequantize, run LibTorch's operator and quantize, block by
/// block.
inline constexpr const char* kInBlocks = "float, in blocks";

}  // namespace ff::integer
