# Installs the headers with what finds them: a CMake package and a pkg-config file, all relative to each
# other. With the extension they lie in the Python package, without it in the usual places of a prefix.

include(CMakePackageConfigHelpers)

set(prefix "")
if(NUMPY_BRIDGE_BUILD_EXTENSION)
  set(prefix numpy_bridge/)
endif()
set(cmake_folder ${prefix}share/cmake/numpy_bridge)

install(DIRECTORY csrc/include/ DESTINATION ${prefix}include)
install(TARGETS numpy_bridge EXPORT numpy_bridgeTargets INCLUDES DESTINATION ${prefix}include)
install(EXPORT numpy_bridgeTargets NAMESPACE numpy_bridge:: DESTINATION ${cmake_folder})

# Before 1.0 a minor version may break its users. Headers suit every architecture.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/numpy_bridgeConfigVersion.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
configure_file(cmake/numpy_bridge.pc.in ${PROJECT_BINARY_DIR}/numpy_bridge.pc @ONLY)
install(FILES cmake/numpy_bridgeConfig.cmake ${PROJECT_BINARY_DIR}/numpy_bridgeConfigVersion.cmake
  DESTINATION ${cmake_folder})
install(FILES ${PROJECT_BINARY_DIR}/numpy_bridge.pc DESTINATION ${prefix}share/pkgconfig)
