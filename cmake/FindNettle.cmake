# Nettle, for SHA-256: ff_nettle. Its names all begin with nettle_, so they cannot clash with what
# LibTorch or a program brings along, and it uses the CPU's SHA instructions.
find_path(Nettle_INCLUDE_DIR nettle/sha2.h)
find_library(Nettle_LIBRARY nettle)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Nettle REQUIRED_VARS Nettle_LIBRARY Nettle_INCLUDE_DIR)
mark_as_advanced(Nettle_INCLUDE_DIR Nettle_LIBRARY)
if(Nettle_FOUND AND NOT TARGET ff_nettle)
  add_library(ff_nettle INTERFACE IMPORTED)
  target_include_directories(ff_nettle INTERFACE "${Nettle_INCLUDE_DIR}")
  target_link_libraries(ff_nettle INTERFACE "${Nettle_LIBRARY}")
endif()
