// Runs a libFuzzer target without libFuzzer: for compilers that lack it, and for a short run among
// the tests. Inputs are all files of the given folders, then random ones and random changes of
// files.
//
//   <program> [--runs=20000] [--seconds=10] [--seed=<n>] [--max-len=512] [<file or folder>...]
//
// Prints its seed. The input on which the target dies is left as fuzz_failure.bin in the current
// folder, and is run again by naming it: <program> --runs=0 fuzz_failure.bin

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Input = std::vector<std::uint8_t>;

// For the signal handler, which may do no more than write.
const Input* current_input = nullptr;

void write_all(int file, const void* data, std::size_t size) {
  if (write(file, data, size) != static_cast<ssize_t>(size))
    _exit(3);
}

extern "C" void keep_input(int signal) {
  const std::string_view text = "the input is in fuzz_failure.bin\n";
  const int file = open("fuzz_failure.bin", O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file >= 0 && current_input != nullptr) {
    write_all(file, current_input->data(), current_input->size());
    write_all(STDERR_FILENO, text.data(), text.size());
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void run(const Input& input) {
  current_input = &input;
  LLVMFuzzerTestOneInput(input.data(), input.size());
}

Input read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::cerr << "cannot read " << path << '\n';
    std::exit(2);
  }
  return Input(std::istreambuf_iterator<char>(file), {});
}

std::vector<Input> read_corpus(const std::vector<std::filesystem::path>& paths) {
  std::vector<Input> corpus;
  for (const auto& path : paths) {
    if (!std::filesystem::is_directory(path)) {
      corpus.push_back(read(path));
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      if (entry.is_regular_file())
        corpus.push_back(read(entry.path()));
    }
  }
  return corpus;
}

// Bytes at random, or a file of the corpus in which some bytes are changed, put in or cut off.
Input make_input(std::mt19937_64& random, const std::vector<Input>& corpus, std::size_t max_len) {
  Input input;
  if (corpus.empty() || random() % 4 == 0) {
    input.resize(random() % (max_len + 1));
    for (auto& byte : input)
      byte = static_cast<std::uint8_t>(random());
    return input;
  }
  input = corpus[random() % corpus.size()];
  for (std::uint64_t changes = 1 + random() % 8; changes > 0; --changes) {
    const std::size_t at = random() % (input.size() + 1);
    const auto byte = static_cast<std::uint8_t>(random());
    const auto place = input.begin() + static_cast<std::ptrdiff_t>(at);
    if (at == input.size() || random() % 4 == 0) {
      input.insert(place, byte);
    } else if (random() % 8 == 0) {
      input.erase(place, input.end());
    } else {
      input[at] = random() % 2 == 0 ? byte : static_cast<std::uint8_t>(input[at] ^ (1 << byte % 8));
    }
  }
  return input;
}

struct Options {
  std::uint64_t runs = 20000, seconds = 10, seed = std::random_device()(), max_len = 512;
  std::vector<std::filesystem::path> paths;
};

Options parse(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    const auto take = [&](std::string_view name, std::uint64_t& value) {
      if (!argument.starts_with(name))
        return false;
      value = std::strtoull(arguments[i] + name.size(), nullptr, 0);
      return true;
    };
    if (!take("--runs=", options.runs) && !take("--seconds=", options.seconds) &&
        !take("--seed=", options.seed) && !take("--max-len=", options.max_len))
      options.paths.emplace_back(argument);
  }
  return options;
}

}  // namespace

int main(int count, char** arguments) {
  const Options options = parse(count, arguments);
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL})
    std::signal(signal, keep_input);
  const std::vector<Input> corpus = read_corpus(options.paths);
  std::cout << corpus.size() << " files, --seed=" << options.seed << std::endl;
  for (const Input& input : corpus)
    run(input);

  std::mt19937_64 random(options.seed);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(options.seconds);
  std::uint64_t done = 0;
  for (; done < options.runs && std::chrono::steady_clock::now() < end; ++done)
    run(make_input(random, corpus, options.max_len));
  std::cout << done << " random inputs" << std::endl;
  return 0;
}
