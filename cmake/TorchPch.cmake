# What most programs (tests, examples, tools) include of LibTorch, precompiled once. GCC instantiates
# the templates of a precompiled header again in each file: 3 s with these headers, 5.5 s with
# torch/torch.h, where 4.5 s are the networks and optimizers that few files need. The library itself
# includes narrow headers and does without.
#
# ff_use_torch_pch(<target>) compiles a program with it. Programs are compiled at -O1 in the release
# build: at -O3 a file takes twice as long, and what should be fast is in the library.
add_library(ff_program_flags INTERFACE)
target_link_libraries(ff_program_flags INTERFACE ff_flags LibTorch::LibTorch)
target_compile_options(ff_program_flags INTERFACE $<$<CONFIG:Release>:-O1>)

add_library(ff_torch_pch OBJECT "${PROJECT_SOURCE_DIR}/cmake/torch_pch.cpp")
target_link_libraries(ff_torch_pch PRIVATE ff_program_flags)
target_precompile_headers(ff_torch_pch PRIVATE
  <torch/autograd.h> <torch/nn/module.h> <torch/types.h> <torch/utils.h>)
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
