#include "progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace fashion_mnist {
namespace {

constexpr int kBarWidth = 20;
constexpr std::chrono::milliseconds kTerminalInterval(100);
constexpr std::chrono::seconds kLogInterval(30);

double seconds_between(std::chrono::steady_clock::time_point from,
                       std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

Progress::Progress(std::string title, int epochs, int64_t images_per_epoch)
    : Progress(std::move(title), epochs, images_per_epoch, std::cerr,
               ::isatty(STDERR_FILENO) != 0) {}

Progress::Progress(std::string title, int epochs, int64_t images_per_epoch, std::ostream& out,
                   bool is_terminal)
    : title_(std::move(title)),
      epochs_(epochs),
      images_per_epoch_(images_per_epoch),
      out_(out),
      is_terminal_(is_terminal) {}

Progress::~Progress() {
  if (is_terminal_ && drawn_) {
    out_ << '\n' << std::flush;
  }
}

void Progress::advance(int64_t images, double loss) {
  images_ += images;
  epoch_images_ += images;
  epoch_loss_ += loss * static_cast<double>(images);
  const bool epoch_is_over = epoch_images_ >= images_per_epoch_;
  const Clock::duration since = Clock::now() - last_draw_;
  if (epoch_is_over || (is_terminal_ ? since >= kTerminalInterval : since >= kLogInterval)) {
    draw();
  }
  if (epoch_is_over) {
    ++epoch_;
    epoch_images_ = 0;
    epoch_loss_ = 0;
  }
}

void Progress::draw() {
  last_draw_ = Clock::now();
  drawn_ = true;
  if (is_terminal_) {
    // Back to the first column, the line, and what an older, longer one left is erased.
    out_ << '\r' << bar() << numbers() << "\x1b[K" << std::flush;
  } else {
    out_ << title_ << numbers() << std::endl;
  }
}

std::string Progress::bar() const {
  const auto filled =
      static_cast<int>(kBarWidth * std::min(epoch_images_, images_per_epoch_) / images_per_epoch_);
  return title_ + " [" + std::string(filled, '#') + std::string(kBarWidth - filled, '.') + "]";
}

std::string Progress::numbers() const {
  const double elapsed = std::max(seconds_between(start_, last_draw_), 1e-9);
  const double images_per_second = static_cast<double>(images_) / elapsed;
  const auto images_left =
      static_cast<double>(std::max<int64_t>(epochs_ * images_per_epoch_ - images_, 0));
  const auto seconds_left = static_cast<int64_t>(images_left / images_per_second + 0.5);
  char text[128];
  std::snprintf(
      text, sizeof(text), "  epoch %d/%d %3d %%  loss %.4f  %.0f images/s  %lld:%02lld left",
      epoch_, epochs_, static_cast<int>(100 * epoch_images_ / images_per_epoch_),
      epoch_loss_ / static_cast<double>(epoch_images_), images_per_second,
      static_cast<long long>(seconds_left / 60), static_cast<long long>(seconds_left % 60));
  return text;
}

}  // namespace fashion_mnist
