#include "fastforward/core/progress.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>

namespace ff {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kBarWidth = 20;
constexpr std::chrono::milliseconds kTerminalInterval(100);
constexpr std::chrono::seconds kLogInterval(30);

struct Bar {
  std::string what;
  std::ostream& stream;
  bool is_terminal;
  Clock::time_point start = Clock::now();
  Clock::time_point drawn = start;

  void show(int64_t done, int64_t total) {
    const Clock::time_point now = Clock::now();
    const bool is_over = total > 0 && done >= total;
    const Clock::duration interval =
        is_terminal ? Clock::duration(kTerminalInterval) : Clock::duration(kLogInterval);
    if (!is_over && now - drawn < interval)
      return;
    drawn = now;
    stream << (is_terminal ? "\r" : "") << what << text(done, total)
           << (!is_terminal || is_over ? "\n" : "") << std::flush;
  }

  std::string text(int64_t done, int64_t total) const {
    const double seconds = std::chrono::duration<double>(drawn - start).count();
    char numbers[96];
    if (total <= 0) {
      std::snprintf(numbers, sizeof(numbers), "  %lld done, %.0f s", static_cast<long long>(done),
                    seconds);
      return numbers;
    }
    const int64_t filled = kBarWidth * std::min(done, total) / total;
    const double left =
        done > 0 ? seconds * static_cast<double>(total - done) / static_cast<double>(done) : 0;
    std::snprintf(numbers, sizeof(numbers), "  %lld of %lld, %.0f s left",
                  static_cast<long long>(done), static_cast<long long>(total), left);
    return " [" + std::string(static_cast<size_t>(filled), '#') +
           std::string(static_cast<size_t>(kBarWidth - filled), '.') + "]" + numbers;
  }
};

}  // namespace

Progress progress_bar(std::string what) {
  return progress_bar(std::move(what), std::cerr, ::isatty(STDERR_FILENO) != 0);
}

Progress progress_bar(std::string what, std::ostream& stream, bool is_terminal) {
  auto bar = std::make_shared<Bar>(Bar{std::move(what), stream, is_terminal});
  return [bar = std::move(bar)](int64_t done, int64_t total) { bar->show(done, total); };
}

}  // namespace ff
