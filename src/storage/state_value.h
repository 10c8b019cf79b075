#pragma once

#include "fastforward/nn/quantizer_type.h"
#include "storage/state_format.h"

namespace ff::storage {

/// Settings or attributes as a file holds them. `where` begins the c10::ValueError for a value that
/// no file can hold.
StateValues to_state_values(const std::map<std::string, c10::IValue>& values,
                            const std::string& where);

/// The way back, with the same types.
std::map<std::string, c10::IValue> to_ivalues(const StateValues& values);

}  // namespace ff::storage
