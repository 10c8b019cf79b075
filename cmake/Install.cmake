# Installs the library so that find_package(fastforward) gives fastforward::fastforward.
include(CMakePackageConfigHelpers)

set(FF_CMAKE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/fastforward")

# The installed library finds the LibTorch it was built with, and libraries beside it.
set_target_properties(fastforward PROPERTIES
  INSTALL_RPATH "$ORIGIN"
  INSTALL_RPATH_USE_LINK_PATH ON)

install(TARGETS fastforward EXPORT fastforward-targets
        LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
        INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/fastforward"
        DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")
install(EXPORT fastforward-targets NAMESPACE fastforward:: DESTINATION "${FF_CMAKE_DIR}")

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/fastforward-config.cmake.in"
  "${PROJECT_BINARY_DIR}/fastforward-config.cmake"
  INSTALL_DESTINATION "${FF_CMAKE_DIR}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/fastforward-config-version.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/fastforward-config.cmake"
  "${PROJECT_BINARY_DIR}/fastforward-config-version.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/FindLibTorch.cmake"
  DESTINATION "${FF_CMAKE_DIR}")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
