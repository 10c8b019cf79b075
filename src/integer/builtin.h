#pragma once

namespace ff::integer {

/// Register the integer forms of operators; called once when the library is loaded.
void register_products();  // linear, conv1d, conv2d, conv3d

}  // namespace ff::integer
