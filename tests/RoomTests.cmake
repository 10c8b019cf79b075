include(GoogleTest)

# The instruction sets that the library has kernels for, and those of them that this machine lacks.
set(FF_ISAS scalar avx2 avx512 avx512_vnni)
set(FF_MISSING_ISAS "")
if(EXISTS /proc/cpuinfo)
  file(STRINGS /proc/cpuinfo cpu_flags REGEX "^flags" LIMIT_COUNT 1)
  foreach(isa_flag avx2:avx2 avx512:avx512dq avx512_vnni:avx512_bitalg)
    string(REPLACE ":" ";" pair ${isa_flag})
    list(GET pair 0 isa)
    list(GET pair 1 flag)
    if(NOT cpu_flags MATCHES " ${flag}( |$)")
      list(APPEND FF_MISSING_ISAS ${isa})
    endif()
  endforeach()
endif()

# ff_suite_filter(<variable> <noun>...): the gtest filter of the suites named <Noun>... in CamelCase.
function(ff_suite_filter variable)
  set(filter "")
  foreach(noun ${ARGN})
    set(suite "_${noun}")
    string(REGEX MATCHALL "_[a-z]" initials "${suite}")
    foreach(initial ${initials})
      string(TOUPPER ${initial} upper)
      string(REPLACE ${initial} ${upper} suite ${suite})
    endforeach()
    string(REPLACE "_" "" suite ${suite})
    string(APPEND filter "*${suite}*.*:")
  endforeach()
  set(${variable} "${filter}" PARENT_SCOPE)
endfunction()

# ff_test_program(<name> LABEL <label> SOURCES <file>... [LIBRARIES <library>...] [SLOW <filter>])
#
# One gtest program in bin/ and one ctest per test case in it; those that the filter selects have
# the label slow instead. Under sanitizers one ctest for the whole program, without the slow ones:
# starting it takes 0.7 s there, which hundreds of test cases would each pay.
function(ff_test_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "LABEL;SLOW" "SOURCES;LIBRARIES")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ff_test ${arg_LIBRARIES})
  ff_use_torch_pch(${name})
  if(FF_SANITIZE)
    add_test(NAME ${name} COMMAND ${name} --gtest_brief=1 "--gtest_filter=-${arg_SLOW}")
    set_tests_properties(${name} PROPERTIES LABELS ${arg_LABEL} TIMEOUT 1500)
    return()
  endif()
  # PRE_TEST: the build does not have to load LibTorch for each program.
  gtest_discover_tests(${name}
    TEST_PREFIX "${arg_LABEL}."
    TEST_FILTER "-${arg_SLOW}"
    DISCOVERY_MODE PRE_TEST
    DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS ${arg_LABEL} TIMEOUT 300)
  if(arg_SLOW)
    gtest_discover_tests(${name}
      TEST_PREFIX "${arg_LABEL}."
      TEST_FILTER "${arg_SLOW}"
      DISCOVERY_MODE PRE_TEST
      DISCOVERY_TIMEOUT 60
      PROPERTIES LABELS slow TIMEOUT 600)
  endif()
endfunction()

# ff_room_tests(<room> <noun>... [PER_ISA <noun>...] [SLOW <noun>...] [LIBRARIES <library>...])
#
# Makes <room>_tests of <room>/<noun>_test.cpp. The nouns after PER_ISA are part of it as well, and
# are run again as a whole under each FF_ISA, as tests <room>_tests.<isa> with the label per_isa; those
# after SLOW have the label slow. The test suites of both must be named <Noun>... in CamelCase.
function(ff_room_tests room)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "PER_ISA;SLOW;LIBRARIES")
  set(sources "")
  foreach(noun ${arg_UNPARSED_ARGUMENTS} ${arg_PER_ISA} ${arg_SLOW})
    list(APPEND sources ${room}/${noun}_test.cpp)
  endforeach()
  ff_suite_filter(slow ${arg_SLOW})
  ff_test_program(${room}_tests
    LABEL ${room} SOURCES ${sources} LIBRARIES ${arg_LIBRARIES} SLOW "${slow}")
  if(arg_PER_ISA)
    ff_per_isa(${room}_tests ${arg_PER_ISA})
  endif()
endfunction()

# ff_per_isa(<program> <noun>...): runs the suites named after the nouns again for each FF_ISA.
function(ff_per_isa program)
  ff_suite_filter(filter ${ARGN})
  foreach(isa ${FF_ISAS})
    set(test "${program}.${isa}")
    add_test(NAME ${test} COMMAND ${program} "--gtest_filter=${filter}" --gtest_brief=1)
    set_tests_properties(${test} PROPERTIES
      ENVIRONMENT FF_ISA=${isa} LABELS per_isa TIMEOUT 300)
    if(isa IN_LIST FF_MISSING_ISAS)
      set_tests_properties(${test} PROPERTIES DISABLED ON)
    endif()
  endforeach()
endfunction()

# ff_use_internals(<program> <part>...): links the library's own objects of private sources, whose
# names are hidden in the shared library, so that their functions can be tested by themselves. Each
# <part> is the beginning of a source's path in src/. Objects with public names must not be taken:
# they would be there twice.
function(ff_use_internals name)
  list(JOIN ARGN "|" parts)
  target_sources(${name} PRIVATE
    "$<FILTER:$<TARGET_OBJECTS:fastforward>,INCLUDE,fastforward[.]dir/[./]*(${parts})>")
  target_link_libraries(${name} PRIVATE $<LINK_ONLY:LibTorch::OpenMP> $<LINK_ONLY:hwy::hwy>)
endfunction()

# ff_fuzz_program(<noun> [PARTS <part>...] [LIBRARIES <library>...] [INPUTS <folder>])
#
# Makes <noun>_fuzz of fuzz/<noun>_fuzz.cpp and runs it for up to 10 s without libFuzzer, which GCC
# lacks, as test fuzz.<noun>. PARTS are those of ff_use_internals; they do without LibTorch. Without
# PARTS it is linked with the library.
function(ff_fuzz_program noun)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "INPUTS" "PARTS;LIBRARIES")
  set(name ${noun}_fuzz)
  add_executable(${name} fuzz/${noun}_fuzz.cpp fuzz/standalone.cpp)
  if(arg_PARTS)
    ff_use_internals(${name} ${arg_PARTS})
  else()
    target_link_libraries(${name} PRIVATE fastforward::fastforward LibTorch::LibTorch)
  endif()
  target_link_libraries(${name} PRIVATE ff_flags ${arg_LIBRARIES})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/tests")
  # Their first comments have command lines that end in backslashes.
  target_compile_options(${name} PRIVATE -Wno-comment $<$<CONFIG:Release>:-O1>)
  add_test(NAME fuzz.${noun} COMMAND ${name} ${arg_INPUTS})
  set_tests_properties(fuzz.${noun} PROPERTIES LABELS fuzz TIMEOUT 120)
endfunction()
