#pragma once

#include <string_view>

/// Marks a name as part of the library's interface; every other name is hidden in the shared
/// library.
#define FF_API __attribute__((visibility("default")))

/// The version of these headers. It must be the `project(VERSION)` of CMakeLists.txt; a test
/// compares.
#define FF_VERSION_MAJOR 0
#define FF_VERSION_MINOR 1
#define FF_VERSION_PATCH 0

/// FastForward for C++: neural-network quantization for LibTorch.
namespace ff {

/// Returns the version of the loaded library, such as "0.1.0".
///
/// It differs from the FF_VERSION_ macros when a program runs with another library than the one it
/// was compiled for. The text lives as long as the program.
FF_API std::string_view version() noexcept;

/// Returns the version of LibTorch that the library was compiled with, such as "2.15.0".
///
/// LibTorch's C++ interface changes between minor versions: the loaded one must be the same.
FF_API std::string_view torch_version() noexcept;

}  // namespace ff
