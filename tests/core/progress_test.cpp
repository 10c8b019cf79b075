#include "fastforward/core/progress.h"

#include <gtest/gtest.h>

#include <chrono>
#include <sstream>
#include <string>
#include <thread>

namespace {

TEST(Progress, OnATerminalTheLineIsDrawnAgain) {
  std::ostringstream stream;
  const ff::Progress progress = ff::progress_bar("reading", stream, /*is_terminal=*/true);
  progress(1, 4);
  EXPECT_EQ(stream.str(), "") << "too early to be seen";
  std::this_thread::sleep_for(std::chrono::milliseconds(110));
  progress(2, 4);
  EXPECT_EQ(stream.str(), "\rreading [##########..........]  2 of 4, 0 s left");
  progress(3, 4);
  progress(4, 4);
  EXPECT_EQ(stream.str(),
            "\rreading [##########..........]  2 of 4, 0 s left"
            "\rreading [####################]  4 of 4, 0 s left\n");
}

TEST(Progress, ElsewhereTheEndHasALine) {
  std::ostringstream stream;
  const ff::Progress progress = ff::progress_bar("reading", stream, /*is_terminal=*/false);
  for (int64_t done = 1; done <= 3; ++done)
    progress(done, 3);
  EXPECT_EQ(stream.str(), "reading [####################]  3 of 3, 0 s left\n");
}

TEST(Progress, WithoutATotalItCounts) {
  std::ostringstream stream;
  const ff::Progress progress = ff::progress_bar("reading", stream, /*is_terminal=*/true);
  progress(1, 0);
  EXPECT_EQ(stream.str(), "");
  std::this_thread::sleep_for(std::chrono::milliseconds(110));
  progress(2, 0);
  EXPECT_EQ(stream.str(), "\rreading  2 done, 0 s");
}

TEST(Progress, MoreThanTheTotalFillsTheBar) {
  std::ostringstream stream;
  ff::progress_bar("x", stream, /*is_terminal=*/true)(5, 3);
  EXPECT_EQ(stream.str().substr(0, 25), "\rx [####################]");
}

TEST(Progress, CopiesShareOneBar) {
  std::ostringstream stream;
  const ff::Progress progress = ff::progress_bar("x", stream, /*is_terminal=*/false);
  const ff::Progress copy = progress;
  copy(1, 2);
  progress(2, 2);
  EXPECT_EQ(stream.str(), "x [####################]  2 of 2, 0 s left\n");
}

}  // namespace
