#include "fastforward/storage/atomic_file.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <ostream>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

namespace fs = std::filesystem;
using ff::storage::write_file_atomically;
class AtomicFile : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() /
              ("ff_atomic_file_" + std::string(test->name()) + "_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    path_ = folder_ / "state.bin";
  }
  void TearDown() override {
    fs::remove_all(folder_);
  }

  std::size_t files_in_folder() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  fs::path folder_;
  fs::path path_;
};

std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// Expects `text` to hold `part`.
void expect_part(const std::string& text, const std::string& part) {
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, part, text);
}

void write_text(const fs::path& path, const std::string& text) {
  write_file_atomically(path, [&](std::ostream& out) { out << text; });
}

std::string error_of(const fs::path& path, const std::string& text = "new") {
  try {
    write_text(path, text);
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "no error";
}

TEST_F(AtomicFile, HoldsWhatTheWriterWrote) {
  std::string text;
  for (int line = 0; line < 50000; ++line) {
    text += std::to_string(line) + "\n";
  }
  write_file_atomically(path_, [](std::ostream& out) {
    for (int line = 0; line < 50000; ++line) {
      out << line << '\n';
    }
  });
  EXPECT_EQ(content(path_), text);
  write_text(path_, "");
  EXPECT_EQ(content(path_), "");
  EXPECT_EQ(files_in_folder(), 1U);
}

TEST_F(AtomicFile, HoldsTheBytes) {
  const std::string bytes("\0\xff one\n", 7);
  write_file_atomically(path_, std::as_bytes(std::span(bytes)));
  EXPECT_EQ(content(path_), bytes);
  write_file_atomically(path_, std::span<const std::byte>());
  EXPECT_EQ(content(path_), "");
}

TEST_F(AtomicFile, ReplacesTheOldContentWhole) {
  write_text(path_, "a long old content");
  write_text(path_, "new");
  EXPECT_EQ(content(path_), "new");
}

TEST_F(AtomicFile, LetsTheWriterMoveInItsStream) {
  write_file_atomically(path_, [](std::ostream& out) {
    out << "size=?";
    EXPECT_EQ(out.tellp(), 6);
    out.seekp(5) << "6";
    out.seekp(0, std::ios::end) << " end";
  });
  EXPECT_EQ(content(path_), "size=6 end");
}

TEST_F(AtomicFile, WritesInTheFolderOfARelativePath) {
  const fs::path before = fs::current_path();
  fs::current_path(folder_);
  write_text("state.bin", "here");
  fs::current_path(before);
  EXPECT_EQ(content(path_), "here");
}

TEST_F(AtomicFile, KeepsPermissionBitsAndFollowsLinks) {
  write_text(path_, "old");
  ASSERT_EQ(::chmod(path_.c_str(), 0640), 0);
  fs::create_symlink(path_, folder_ / "link");
  write_text(folder_ / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_EQ(content(path_), "new");
  EXPECT_EQ(static_cast<unsigned>(fs::status(path_).permissions()), 0640U);
}

TEST_F(AtomicFile, GivesANewFileThePermissionsOfTheProcess) {
  const mode_t before = ::umask(027);
  write_text(path_, "new");
  ::umask(before);
  EXPECT_EQ(static_cast<unsigned>(fs::status(path_).permissions()), 0640U);
}

TEST_F(AtomicFile, TakesTheLongestName) {
  const fs::path path = folder_ / std::string(255, 'n');
  write_text(path, "new");
  EXPECT_EQ(content(path), "new");
}

TEST_F(AtomicFile, KeepsTheOldFileWhenTheWriterThrows) {
  write_text(path_, "old");
  const auto throws = [](std::ostream& out) {
    out << std::string(100000, 'n') << std::flush;
    throw std::runtime_error("halfway");
  };
  EXPECT_THROW(write_file_atomically(path_, throws), std::runtime_error);
  EXPECT_EQ(content(path_), "old");
  EXPECT_EQ(files_in_folder(), 1U);
}

TEST_F(AtomicFile, KeepsTheOldFileWhenTheStreamFailed) {
  write_text(path_, "old");
  try {
    write_file_atomically(path_, [](std::ostream& out) { out.setstate(std::ios::failbit); });
    FAIL() << "no error";
  } catch (const c10::Error& error) {
    expect_part(error.what_without_backtrace(),
                "': the writer left its stream in a failed state; the file was not changed");
  }
  EXPECT_EQ(content(path_), "old");
  EXPECT_EQ(files_in_folder(), 1U);
}

TEST_F(AtomicFile, SaysWhyThereIsNoFolder) {
  EXPECT_EQ(error_of(folder_ / "absent" / "state.bin"),
            "write_file_atomically: '" + (folder_ / "absent" / "state.bin").string() +
                "': the folder '" + (folder_ / "absent").string() +
                "' cannot be opened: No such file or directory");
  write_text(path_, "a file");
  expect_part(error_of(path_ / "state.bin"), "cannot be opened: Not a directory");
}

TEST_F(AtomicFile, RefusesWhatIsNoRegularFile) {
  expect_part(error_of(folder_), "' is a folder; expected a regular file or a name that is free");
  expect_part(error_of(folder_ / ""), "' is a folder; expected");
  expect_part(error_of("/dev/null"), "'/dev/null' is a special file; expected");
  expect_part(error_of(""), "'' names no file; expected");
  fs::create_symlink(folder_ / "absent", folder_ / "link");
  expect_part(error_of(folder_ / "link"),
              "the symbolic link cannot be followed: No such file or directory");
}

TEST_F(AtomicFile, SaysThatTheFolderMayNotBeWritten) {
  ASSERT_EQ(::chmod(folder_.c_str(), 0555), 0);
  const bool is_root = ::geteuid() == 0;
  ASSERT_TRUE(!is_root || ::seteuid(65534) == 0);  // root may write everywhere
  const std::string error = error_of(path_);
  ASSERT_TRUE(!is_root || ::seteuid(0) == 0);
  ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
  expect_part(error, "': no temporary file could be made in its folder: Permission denied");
}

TEST_F(AtomicFile, KeepsTheOldFileWhenTheDiskIsFull) {
  write_text(path_, "old");
  // A limit on the file size fails write(2) halfway, as a full disk does.
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small = {100000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string error = error_of(path_, std::string(300000, 'n'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, old_handler);
  expect_part(error, "': writing failed: File too large");
  EXPECT_EQ(content(path_), "old");
  EXPECT_EQ(files_in_folder(), 1U);
}

// Writes 'a', 'b', ... files of equal bytes until it is killed.
[[noreturn]] void write_for_ever(const fs::path& path, std::size_t size) {
  for (int version = 0;; ++version) {
    const char letter = static_cast<char>('a' + version % 26);
    write_file_atomically(path, [&](std::ostream& out) {
      for (std::size_t count = 0; count < size; ++count) {
        out.put(letter);
      }
    });
  }
}

TEST_F(AtomicFile, IsOldOrNewAndWholeWhenTheWriterIsKilled) {
  constexpr std::size_t kSize = 300000;
  write_text(path_, std::string(kSize, 'o'));
  const unsigned seed = std::random_device()();
  RecordProperty("seed", std::to_string(seed));
  std::mt19937 generator(seed);
  int killed_halfway = 0;
  for (int round = 0; round < 200; ++round) {
    const std::size_t files_before = files_in_folder();
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      write_for_ever(path_, kSize);
    }
    std::this_thread::sleep_for(
        std::chrono::microseconds(std::uniform_int_distribution(0, 15000)(generator)));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself";
    killed_halfway += files_in_folder() > files_before ? 1 : 0;
    const std::string found = content(path_);
    ASSERT_EQ(found.size(), kSize) << "seed " << seed << ", round " << round;
    ASSERT_EQ(found, std::string(kSize, found[0])) << "seed " << seed << ", round " << round;
  }
  std::cout << "killed while a temporary file was open: " << killed_halfway << " of 200\n";
  // A later write is not disturbed by what the killed ones left.
  write_text(path_, "new");
  EXPECT_EQ(content(path_), "new");
}

}  // namespace
