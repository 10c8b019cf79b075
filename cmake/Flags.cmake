# ff_flags: how everything of this project is compiled. Link it PRIVATE.
add_library(ff_flags INTERFACE)

# No fused multiply-add behind our back: results must be equal on every CPU (docs/numerics.md).
target_compile_options(ff_flags INTERFACE -ffp-contract=off -Wall -Wextra -Wpedantic)
# What GCC 12 warns of wrongly at -O3: overflows in c10's reference counts, uninitialized optionals,
# overlaps inside std::string.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(ff_flags INTERFACE
    -Wno-stringop-overflow -Wno-maybe-uninitialized -Wno-restrict)
endif()
if(FF_WERROR)
  target_compile_options(ff_flags INTERFACE -Werror)
endif()
# Error texts and debug information name files from the project's root, in any clone.
target_compile_options(ff_flags INTERFACE "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=")

if(FF_SANITIZE)
  target_compile_options(ff_flags INTERFACE
    "-fsanitize=${FF_SANITIZE}" -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(ff_flags INTERFACE "-fsanitize=${FF_SANITIZE}")
  # GCC's ThreadSanitizer warns of each fence that it cannot see, as in c10's reference counts.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND FF_SANITIZE MATCHES "thread")
    target_compile_options(ff_flags INTERFACE -Wno-tsan)
  endif()
endif()
