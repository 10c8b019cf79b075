# Compiles through ccache where it is installed. The settings let precompiled headers be cached and
# clones of the project in different folders share what they compiled.
find_program(FF_CCACHE ccache)
mark_as_advanced(FF_CCACHE)
if(FF_CCACHE AND PROJECT_IS_TOP_LEVEL AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      /usr/bin/env
      "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}"
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      "${FF_CCACHE}")
endif()
