#pragma once

#include "fastforward/core/api.h"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <span>

namespace ff::storage {

/// Gives the file `path` the content that `write` puts into its stream, at once and whole: whoever
/// reads `path`, also after this process was killed or the machine lost its power, finds the old
/// file or the new one, never a part.
///
/// The content goes to a temporary file ".<name>.<random>.tmp" in the same folder, is flushed to
/// the disk, and takes the place of `path` by renaming; then the folder is flushed. When `write` or
/// anything else throws, the temporary file is removed and `path` stays as it was. Only a killed
/// process leaves its temporary file behind.
///
/// A file that is replaced keeps its permission bits, a new one gets those of the process (umask).
/// A symbolic link is followed. The stream can be asked for its position and moved. Several threads
/// and processes may write the same path: the last one wins.
///
/// Throws c10::Error with the system's reason if the folder does not exist or may not be written,
/// if `path` is something else than a regular file, if the disk is full, or if `write` leaves its
/// stream in a failed state; and whatever `write` throws. If only the last step fails, the flush of
/// the folder, the new file is in place and the error says so.
///
///     ff::storage::write_file_atomically("scales.json", [&](std::ostream& out) { out << json; });
FF_API void write_file_atomically(const std::filesystem::path& path,
                                  const std::function<void(std::ostream&)>& write);

/// Gives the file `path` the content `bytes`, at once and whole. Throws c10::Error as the other
/// overload does.
FF_API void write_file_atomically(const std::filesystem::path& path,
                                  std::span<const std::byte> bytes);

}  // namespace ff::storage
