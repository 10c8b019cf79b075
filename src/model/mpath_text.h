#pragma once

#include <string>

// How the parts of a query are written.
namespace ff::mpath {

/// Letters, digits, '_', '-', and what is not ASCII.
inline bool is_name_character(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
         (byte >= 'A' && byte <= 'Z') || byte == '_' || byte == '-' || byte >= 0x80;
}

/// True if a name needs no quotes.
inline bool is_plain_name(const std::string& name) {
  for (const char c : name) {
    if (!is_name_character(c))
      return false;
  }
  return !name.empty();
}

/// The name in quotes.
inline std::string quoted(const std::string& name) {
  std::string result = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\')
      result += '\\';
    result += c;
  }
  return result + "\"";
}

}  // namespace ff::mpath
