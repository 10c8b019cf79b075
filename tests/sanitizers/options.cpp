// Settings of the sanitizers, compiled into each test program: they hold for ctest and by hand.
// ASAN_OPTIONS and the like in the environment still come on top.

extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1";
}
