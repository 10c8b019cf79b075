// Settings of the sanitizers, compiled into each test program: they hold under ctest and by hand.
// What the environment says (ASAN_OPTIONS, UBSAN_OPTIONS, TSAN_OPTIONS) comes on top.
//
// LibTorch's libraries are not instrumented. AddressSanitizer, LeakSanitizer and
// UndefinedBehaviorSanitizer have nothing to say about them all the same, so nothing is suppressed.

// The sanitizers look for these functions from outside of the program.
#pragma GCC visibility push(default)
extern "C" {

const char* __asan_default_options();
const char* __ubsan_default_options();
const char* __tsan_default_suppressions();

const char* __asan_default_options() {
  return "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1";
}

const char* __ubsan_default_options() {
  return "print_stacktrace=1";
}

// ThreadSanitizer does not see how libgomp's threads wait for one another. Where the work is handed
// over, in LibTorch's templates for at::parallel_for and in parallel_blocks, that is a false alarm;
// only reports whose innermost function is there go. Nor does it see LibTorch's reference counts,
// but memset and memcpy in functions of LibTorch that rely on them.
const char* __tsan_default_suppressions() {
  return "race_top:ATen/ParallelOpenMP.h\nrace_top:ATen/Parallel-inl.h\nrace_top:invoke_parallel\n"
         "race_top:core/parallel.h\nrace:torch::autograd::Node::\nrace:unfolded2d_copy\n"
         "race:c10::SmallVectorImpl\nrace:reduced_float_copy_kernel\n";
}

}  // extern "C"
#pragma GCC visibility pop
