#include "machine.h"

#include <gnu/libc-version.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "fastforward/core/api.h"

namespace bench {
namespace {

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos)
      return line.substr(colon + 2);
  }
  return "unknown CPU";
}

// "always", "madvise" or "never", which the kernel puts in brackets.
std::string huge_pages() {
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/enabled");
  std::string line;
  std::getline(file, line);
  const size_t start = line.find('['), end = line.find(']');
  const bool is_found = start != std::string::npos && end != std::string::npos;
  return is_found ? line.substr(start + 1, end - start - 1) : "unknown";
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::string machine() {
  std::ostringstream text;
  text << "CPU: " << cpu_name() << ", " << std::thread::hardware_concurrency() << " cores\n";
#ifdef __clang__
  text << "Compiler: Clang " << __clang_version__ << "\n";
#else
  text << "Compiler: GCC " << __VERSION__ << "\n";
#endif
  text << "LibTorch: " << ff::torch_version() << "\n";
  const std::string isa = environment("FF_ISA"), tunables = environment("GLIBC_TUNABLES");
  text << "Kernels: " << (isa.empty() ? "the best that the CPU has" : "FF_ISA=" + isa) << "\n";
  text << "Threads: 1, unless the name says otherwise\n";
  text << "Memory: glibc " << gnu_get_libc_version() << " malloc, "
       << (tunables.empty() ? "default settings" : "GLIBC_TUNABLES=" + tunables)
       << ", transparent huge pages: " << huge_pages() << "\n";
  return text.str();
}

}  // namespace bench
