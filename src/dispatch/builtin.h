#pragma once

namespace ff::dispatch {

/// Register what quantized tensors can do from the start; called once when the library is loaded.
void register_conversions();       // dequantize, detach, clone, to, contiguous, sizes
void register_structural();        // view, permute, slice, expand, ...
void register_pieces();            // split, chunk, unbind
void register_cat();               // cat, stack
void register_dropout();           // dropout in eval mode
void register_max_pool();          // max_pool1d, 2d, 3d
void register_upsample_nearest();  // upsample_nearest1d, 2d, 3d

}  // namespace ff::dispatch
