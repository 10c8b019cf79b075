#include "runner.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "compare.h"

namespace {

// A clock that goes only when a function is run, and what was run.
struct World {
  double seconds = 0;
  std::string order;

  // Writes `letter` and takes `duration` seconds.
  std::function<void()> function(char letter, double duration) {
    return [this, letter, duration] {
      order += letter;
      seconds += duration;
    };
  }
  bench::RunnerOptions options(int rounds) {
    bench::RunnerOptions options;
    options.rounds = rounds;
    options.now = [this] { return seconds; };
    return options;
  }
};

bench::Benchmark benchmark(const bench::Contest& contest) {
  return {"name", {2, 0.5}, [=] { return contest; }};
}

TEST(Timing, IsMedianAndInterquartileRange) {
  const bench::Timing odd = bench::timing_of({5e-3, 1e-3, 3e-3, 2e-3, 4e-3});
  EXPECT_DOUBLE_EQ(odd.milliseconds, 3);
  EXPECT_DOUBLE_EQ(odd.spread, 2.0 / 3);
  const bench::Timing even = bench::timing_of({2e-3, 1e-3});
  EXPECT_DOUBLE_EQ(even.milliseconds, 1.5);
  EXPECT_DOUBLE_EQ(even.spread, 0.5 / 1.5);
  EXPECT_DOUBLE_EQ(bench::timing_of({2e-3}).spread, 0);
}

TEST(Runner, FunctionsTakeTurnsAndBeginInTurn) {
  World world;
  const bench::Contest contest{{"ours", world.function('o', 0.01)},
                               bench::Contestant{"peer", world.function('p', 0.03)},
                               bench::Contestant{"limit", world.function('l', 0.005)},
                               world.function('c', 0)};
  const bench::Result result = bench::run(benchmark(contest), world.options(3));
  // The check, then for each function a run to warm up and one to see how long it takes.
  EXPECT_EQ(world.order,
            "c"
            "oo"
            "pp"
            "ll"
            "opl"
            "plo"
            "lop");
  EXPECT_FLOAT_EQ(result.ours->milliseconds, 10);
  EXPECT_FLOAT_EQ(*result.ratio(), 3);
  EXPECT_FLOAT_EQ(*result.of_limit(), 0.5);
  EXPECT_EQ(result.peer_name, "peer");
}

TEST(Runner, RepeatsShortFunctions) {
  World world;
  const bench::Contest contest{{"ours", world.function('o', 1e-6)}, {}, {}, nullptr};
  const bench::Result result = bench::run(benchmark(contest), world.options(5));
  EXPECT_NEAR(result.ours->milliseconds, 1e-3, 1e-9);
  // 5 samples of 200 us.
  EXPECT_GE(world.order.size(), 5U * 200);
  EXPECT_FALSE(result.ratio().has_value());
  EXPECT_FALSE(result.of_limit().has_value());
}

TEST(Runner, SlowFunctionsLeaveEarly) {
  World world;
  const bench::Contest contest{{"ours", world.function('o', 0.01)},
                               bench::Contestant{"peer", world.function('p', 0.6)},
                               {},
                               nullptr};
  bench::run(benchmark(contest), world.options(20));
  EXPECT_EQ(std::count(world.order.begin(), world.order.end(), 'o'), 2 + 20);
  EXPECT_EQ(std::count(world.order.begin(), world.order.end(), 'p'), 2 + bench::kFewestSamples);
}

TEST(Runner, DoesNotTimeWrongAnswers) {
  World world;
  const bench::Contest contest{{"ours", world.function('o', 0.01)},
                               bench::Contestant{"peer", world.function('p', 0.01)},
                               {},
                               [] { throw bench::WrongAnswer("1 and 2"); }};
  const bench::Result result = bench::run(benchmark(contest), world.options(3));
  EXPECT_EQ(world.order, "");
  EXPECT_EQ(result.wrong_answer, "1 and 2");
  EXPECT_FALSE(result.ours.has_value());
}

TEST(Runner, EachFunctionHasItsThreads) {
  World world;
  std::string threads;
  const auto note = [&] {
    threads += std::to_string(at::get_num_threads());
    world.seconds += 0.01;
  };
  const bench::Contest contest{{"ours", note, 2}, bench::Contestant{"peer", note, 1}, {}, note};
  const int before = at::get_num_threads();
  bench::run(benchmark(contest), world.options(3));
  EXPECT_EQ(at::get_num_threads(), 1);
  at::set_num_threads(before);
  EXPECT_EQ(threads,
            "1"
            "22"
            "11"
            "21"
            "12"
            "21");
}

}  // namespace
