#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "core/json.h"

// No LibTorch here: the fuzzers build this file alone.
namespace ff::storage {

/// A setting or an attribute. What JSON cannot tell from another type it holds in an object with
/// one key: {"floats": [1, 2]}, {"float": "nan"}.
using StateValue =
    std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<bool>,
                 std::vector<std::int64_t>, std::vector<double>, std::vector<std::string>>;
using StateValues = std::map<std::string, StateValue>;

/// The JSON of a text. Throws ReadError if it is not UTF-8.
std::string text_json(const std::string& text);
/// The JSON of a list of texts. Throws as text_json.
std::string texts_json(const std::vector<std::string>& texts);
/// The JSON of a list of integers.
std::string integers_json(const std::vector<std::int64_t>& integers);
/// The JSON of settings or attributes, an object. Throws as text_json.
std::string values_json(const StateValues& values);

/// A list of texts. Throws json::Error, as the next two.
std::vector<std::string> read_texts(const json::Value& value);
/// A list of integers that are not smaller than `min`.
std::vector<std::int64_t> read_integers(const json::Value& value, std::int64_t min);
/// Settings or attributes.
StateValues read_values(const json::Value& value);

}  // namespace ff::storage
