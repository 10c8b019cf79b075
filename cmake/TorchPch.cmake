# torch/torch.h precompiled once for the programs (tests, examples, tools): a file that includes it
# takes 4.5 s instead of 13. The library itself includes narrow headers and does without.
#
# ff_use_torch_pch(<target>) compiles a program with it. Programs are compiled at -O1 in the release
# build: at -O3 a file takes twice as long (GCC instantiates LibTorch's templates again in each),
# and what should be fast is in the library.
add_library(ff_program_flags INTERFACE)
target_link_libraries(ff_program_flags INTERFACE ff_flags LibTorch::LibTorch)
target_compile_options(ff_program_flags INTERFACE $<$<CONFIG:Release>:-O1>)

add_library(ff_torch_pch OBJECT "${PROJECT_SOURCE_DIR}/cmake/torch_pch.cpp")
target_link_libraries(ff_torch_pch PRIVATE ff_program_flags)
target_precompile_headers(ff_torch_pch PRIVATE <torch/torch.h>)
if(FF_BUILD_TESTS)
  # GCC refuses a precompiled header when a macro that it saw is defined otherwise.
  find_package(GTest REQUIRED)
  target_compile_definitions(ff_program_flags INTERFACE
    "$<TARGET_PROPERTY:GTest::gtest,INTERFACE_COMPILE_DEFINITIONS>")
  target_compile_options(ff_program_flags INTERFACE
    "$<TARGET_PROPERTY:GTest::gtest,INTERFACE_COMPILE_OPTIONS>")
  target_precompile_headers(ff_torch_pch PRIVATE <gtest/gtest.h>)
endif()

function(ff_use_torch_pch target)
  target_link_libraries(${target} PRIVATE ff_program_flags)
  target_precompile_headers(${target} REUSE_FROM ff_torch_pch)
endfunction()
