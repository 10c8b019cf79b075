#pragma once

#include <filesystem>
#include <string>

/// Returns what is wrong with a file that a program is to write at its end, "" if nothing: checked
/// with the command line, before the work is done.
inline std::string check_output_file(const std::string& file) {
  const std::filesystem::path path(file), folder = path.parent_path();
  if (std::filesystem::is_directory(path))
    return "'" + file + "' is a folder, expected a file to write";
  if (!folder.empty() && !std::filesystem::is_directory(folder))
    return "the folder '" + folder.string() + "' does not exist";
  return "";
}
