# Finds LibTorch, from the PyPI wheel or from a LibTorch download, without a CUDA toolkit.
# (LibTorch's own find_package(Torch) demands one for the wheel that PyPI gives by default.)
#
# Input, cache or environment variables:
#   LIBTORCH_ROOT     the folder that has include/ and lib/: a LibTorch download, or the `torch`
#                     folder of an installed or unpacked wheel. Without it:
#   FF_CACHE          the cache that scripts/fetch_libtorch.py fills (~/.cache/fastforward), and
#   FF_TORCH_VERSION  the version to take from it (the recorded default).
#
# Gives:
#   LibTorch::LibTorch  everything of LibTorch that needs no GPU
#   LibTorch::c10       libc10 alone; part of LibTorch::LibTorch
#   LibTorch::OpenMP    for a library that uses at::parallel_for, see below
#   LibTorch_VERSION, LibTorch_ROOT_DIR

include(FindPackageHandleStandardArgs)

function(_libtorch_root out)
  foreach(candidate "${LIBTORCH_ROOT}" "$ENV{LIBTORCH_ROOT}")
    if(candidate)
      get_filename_component(candidate "${candidate}" ABSOLUTE)
      set(${out} "${candidate}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  set(cache "$ENV{FF_CACHE}")
  if(NOT cache)
    set(cache "$ENV{HOME}/.cache/fastforward")
  endif()
  set(version "$ENV{FF_TORCH_VERSION}")
  if(NOT version AND EXISTS "${cache}/libtorch-default")
    file(STRINGS "${cache}/libtorch-default" version LIMIT_COUNT 1)
    # A new default is a new LibTorch: configure again.
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${cache}/libtorch-default")
  endif()
  if(NOT version)
    set(version "default")  # The cache is empty; the folder's name is for the error text.
  endif()
  set(${out} "${cache}/libtorch-${version}/torch" PARENT_SCOPE)
endfunction()

# 2.15 keeps the numbers in torch/headeronly/version.h, 2.7 in torch/version.h.
function(_libtorch_version include_dir out)
  set(${out} "" PARENT_SCOPE)
  foreach(header torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
    if(EXISTS "${include_dir}/${header}")
      file(STRINGS "${include_dir}/${header}" lines
           REGEX "#define TORCH_VERSION_(MAJOR|MINOR|PATCH) [0-9]+")
      string(REGEX MATCHALL "[0-9]+" numbers "${lines}")
      if(numbers)
        string(REPLACE ";" "." numbers "${numbers}")
        set(${out} "${numbers}" PARENT_SCOPE)
        return()
      endif()
    endif()
  endforeach()
endfunction()

_libtorch_root(LibTorch_ROOT_DIR)
set(LibTorch_INCLUDE_DIR "${LibTorch_ROOT_DIR}/include")
set(LibTorch_CPU_LIBRARY "${LibTorch_ROOT_DIR}/lib/libtorch_cpu.so")
set(LibTorch_C10_LIBRARY "${LibTorch_ROOT_DIR}/lib/libc10.so")

set(_libtorch_problem "")
foreach(file "${LibTorch_INCLUDE_DIR}/torch/csrc/api/include/torch/torch.h"
        "${LibTorch_CPU_LIBRARY}" "${LibTorch_C10_LIBRARY}")
  if(NOT EXISTS "${file}")
    string(CONCAT _libtorch_problem
      "LibTorch: ${file} does not exist. Run scripts/setup.sh, which fetches LibTorch into the "
      "cache, or set LIBTORCH_ROOT to a folder with include/ and lib/ (a LibTorch download, or "
      "the torch folder of a Python installation).")
    break()
  endif()
endforeach()

if(NOT _libtorch_problem)
  _libtorch_version("${LibTorch_INCLUDE_DIR}" LibTorch_VERSION)
  # Every LibTorch library with the old ABI says std::basic_string instead of std::__cxx11.
  file(STRINGS "${LibTorch_C10_LIBRARY}" _libtorch_cxx11 REGEX "St7__cxx11" LIMIT_COUNT 1)
  if(LibTorch_VERSION VERSION_LESS 2.7)
    string(CONCAT _libtorch_problem
      "LibTorch: version ${LibTorch_VERSION} in ${LibTorch_ROOT_DIR} is too old, 2.7 is the oldest "
      "supported. Unset LIBTORCH_ROOT and run scripts/setup.sh to fetch the newest.")
  elseif(NOT _libtorch_cxx11)
    string(CONCAT _libtorch_problem
      "LibTorch: ${LibTorch_ROOT_DIR} was built with the C++ ABI from before C++11. Download the "
      "cxx11 ABI build, or unset LIBTORCH_ROOT and run scripts/setup.sh.")
  endif()
endif()
if(_libtorch_problem)
  set(LibTorch_NOT_FOUND_MESSAGE "${_libtorch_problem}")
  unset(LibTorch_CPU_LIBRARY)
  unset(LibTorch_VERSION)
endif()

find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_CPU_LIBRARY LibTorch_INCLUDE_DIR
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "${_libtorch_problem}")

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  add_library(LibTorch::c10 SHARED IMPORTED)
  set_target_properties(LibTorch::c10 PROPERTIES
    IMPORTED_LOCATION "${LibTorch_C10_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${LibTorch_INCLUDE_DIR}")

  # libtorch_cpu.so finds the CUDA libraries it was linked to through its own RPATH; the linker
  # does not look there, so it has to let them be unresolved.
  add_library(LibTorch::LibTorch SHARED IMPORTED)
  set_target_properties(LibTorch::LibTorch PROPERTIES
    IMPORTED_LOCATION "${LibTorch_CPU_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES
      "${LibTorch_INCLUDE_DIR};${LibTorch_INCLUDE_DIR}/torch/csrc/api/include"
    INTERFACE_LINK_LIBRARIES LibTorch::c10
    INTERFACE_LINK_OPTIONS "-Wl,--allow-shlib-undefined")

  # at::parallel_for is a template: in code compiled without -fopenmp it runs on one thread. Wheels
  # bring their own libgomp, in older versions under another name than the system's. Linking that
  # file gives one process one pool of threads, and at::set_num_threads() sets its size.
  file(GLOB _libtorch_gomp "${LibTorch_ROOT_DIR}/lib/libgomp*.so*")
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND _libtorch_gomp)
    list(GET _libtorch_gomp 0 _libtorch_gomp)
    add_library(LibTorch::OpenMP SHARED IMPORTED)
    set_target_properties(LibTorch::OpenMP PROPERTIES
      IMPORTED_LOCATION "${_libtorch_gomp}"
      INTERFACE_COMPILE_OPTIONS "-fopenmp")
  else()
    find_package(OpenMP REQUIRED COMPONENTS CXX)
    add_library(LibTorch::OpenMP INTERFACE IMPORTED)
    target_link_libraries(LibTorch::OpenMP INTERFACE OpenMP::OpenMP_CXX)
  endif()
endif()
