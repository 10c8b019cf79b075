#pragma once

#include <filesystem>

#include "fashion_mnist/arguments.h"
#include "fashion_mnist/classifier.h"
#include "fashion_mnist/data.h"

namespace fashion_mnist {

/// Copies parameters and buffers of one float network into another with the same names.
void copy_weights(const Classifier& from, const Classifier& to);

/// Trains a fresh float network, or takes its weights from the cache, if any example trained them
/// in the same way before.
void train_or_load(const Classifier& network, const Dataset& data, const Arguments& arguments);

}  // namespace fashion_mnist
