#pragma once

namespace ff::integer {

/// Register the integer forms of operators; called once when the library is loaded.
void register_products();         // linear, conv1d, conv2d, conv3d
void register_functions();        // of one tensor
void register_arithmetic();       // add, sub, mul of two tensors
void register_averages();         // avg_pool2d, adaptive_avg_pool2d, mean
void register_moves();            // pad, cat, embedding
void register_block_operators();  // softmax, layer_norm, products of activations

}  // namespace ff::integer
