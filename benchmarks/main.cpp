// Times the library against its peers and against what memory allows, after comparing the answers.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <regex>

#include "fastforward/storage/atomic_file.h"
#include "machine.h"
#include "questions.h"
#include "report.h"

namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string filter;
  fs::path json = "build/bench.json";
  bench::RunnerOptions runner;
  bench::Sizes sizes;
  bool list = false;
};

std::vector<bench::Benchmark> chosen(const Arguments& arguments) {
  std::vector<bench::Benchmark> benchmarks = bench::all_benchmarks(arguments.sizes);
  const std::regex filter(arguments.filter);
  std::erase_if(benchmarks, [&](const bench::Benchmark& benchmark) {
    return !std::regex_search(benchmark.name, filter);
  });
  return benchmarks;
}

// Says on a terminal's line what is being timed, and takes it back before the table's next row.
class Progress {
 public:
  explicit Progress(size_t count) : count_(count) {}

  void begin(const std::string& name) {
    ++number_;
    std::cerr << (is_terminal_ ? "\r" : "") << "[" << number_ << "/" << count_ << "] " << name
              << (is_terminal_ ? "\x1b[K" : "\n") << std::flush;
  }
  void end() const {
    if (is_terminal_)
      std::cerr << "\r\x1b[K" << std::flush;
  }

 private:
  size_t count_;
  size_t number_ = 0;
  bool is_terminal_ = ::isatty(STDERR_FILENO) != 0;
};

void write(const fs::path& file, const std::string& text) {
  if (file.has_parent_path())
    fs::create_directories(file.parent_path());
  ff::storage::write_file_atomically(file, [&](std::ostream& out) { out << text; });
}

// Returns the exit status: 1 if an answer was wrong.
int run(const Arguments& arguments) {
  const std::vector<bench::Benchmark> benchmarks = chosen(arguments);
  if (arguments.list) {
    for (const bench::Benchmark& benchmark : benchmarks)
      std::cout << benchmark.name << "\n";
    return 0;
  }
  if (benchmarks.empty()) {
    std::cerr << "ff_bench: no benchmark matches --filter '" << arguments.filter
              << "'; --list names all\n";
    return 1;
  }
  std::cout << bench::machine() << "\n";
  bench::Report report(std::cout);
  Progress progress(benchmarks.size());
  for (const bench::Benchmark& benchmark : benchmarks) {
    progress.begin(benchmark.name);
    const bench::Result result = bench::run(benchmark, arguments.runner);
    progress.end();
    report.add(result);
    if (!result.wrong_answer.empty())
      std::cerr << "ff_bench: " << result.name << ": " << result.wrong_answer << "\n";
  }
  write(arguments.json, report.json());
  std::cout << "\nWritten to " << arguments.json.string() << "\n";
  return report.wrong_answers() == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Times FastForward for C++ against its peers");
  app.add_option("--filter", arguments.filter, "run the benchmarks whose name this finds (regex)");
  app.add_option("--rounds", arguments.runner.rounds, "samples of each function")
      ->check(CLI::Range(bench::kFewestSamples, 1000))
      ->capture_default_str();
  app.add_option("--elements", arguments.sizes.dram,
                 "elements of the largest data, a multiple of 65536; shrinks the smaller as well")
      ->check([](const std::string& text) {
        const long long elements = std::atoll(text.c_str());
        return elements > 0 && elements % bench::Sizes::kUnit == 0
                   ? std::string()
                   : "must be a positive multiple of 65536, got " + text;
      })
      ->capture_default_str();
  app.add_option("--json", arguments.json, "write the figures to this file")->capture_default_str();
  app.add_flag("--list", arguments.list, "print the names and run nothing");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(arguments);
  } catch (const std::regex_error& error) {
    std::cerr << "ff_bench: --filter '" << arguments.filter
              << "' is no regular expression: " << error.what() << "\n";
  } catch (const c10::Error& error) {
    std::cerr << "ff_bench: " << error.msg() << "\n";
  } catch (const std::exception& error) {
    std::cerr << "ff_bench: " << error.what() << "\n";
  }
  return 1;
}
