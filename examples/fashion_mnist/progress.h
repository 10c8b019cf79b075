#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <iostream>
#include <string>

namespace fashion_mnist {

/// Shows on a terminal how far a training is, in one line that is drawn again in its place:
///
///     train [#########...........]  epoch 3/10  46 %  loss 0.3124  8123 images/s  0:41 left
///
/// Where the stream is no terminal, as in a log file, it prints such a line without the bar for
/// each epoch, and between them at most every 30 seconds.
class Progress {
 public:
  /// A training of `epochs` epochs with `images_per_epoch` images each. The time starts now.
  Progress(std::string title, int epochs, int64_t images_per_epoch);
  /// The same on a stream of your choice; `is_terminal` says how to draw.
  Progress(std::string title, int epochs, int64_t images_per_epoch, std::ostream& out,
           bool is_terminal);
  /// Leaves the terminal on a fresh line, also when the training ends early.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Counts one batch of `images` images with mean loss `loss`. After images_per_epoch of them the
  /// epoch is over.
  void advance(int64_t images, double loss);

 private:
  using Clock = std::chrono::steady_clock;
  void draw();
  std::string bar() const;
  std::string numbers() const;

  std::string title_;
  int epochs_;
  int64_t images_per_epoch_;
  std::ostream& out_;
  bool is_terminal_;
  int64_t images_ = 0;        // of the whole training
  double epoch_loss_ = 0;     // sum over the images of this epoch
  int64_t epoch_images_ = 0;  // of this epoch
  int epoch_ = 1;
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_draw_ = start_;
};

}  // namespace fashion_mnist
