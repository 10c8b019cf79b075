#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>

#include "fastforward/core/api.h"

namespace ff {

/// Called after each part of long work with the number of parts done and the number in all, 0 if
/// that is unknown.
using Progress = std::function<void(int64_t done, int64_t total)>;

/// Returns a progress that draws a bar on std::cerr: ten times a second on a terminal, else a line
/// every half a minute. `what` stands before the bar.
///
///     ff::calibrate(model, batches, {.progress = ff::progress_bar("calibrating")});
FF_API Progress progress_bar(std::string what);

/// The same on `stream`, which must outlive the progress.
FF_API Progress progress_bar(std::string what, std::ostream& stream, bool is_terminal);

}  // namespace ff
