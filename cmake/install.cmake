# Installs the headers and the engine's sources with what finds them: a CMake package and a pkg-config file, all
# relative to each other. With the extension they lie in the Python package, without it in the usual places of a prefix,
# where a folder of their own keeps include/ and engine/ beside each other.

include(CMakePackageConfigHelpers)

if(NUMPY_BRIDGE_BUILD_EXTENSION)
  set(share numpy_bridge/share)
  set(folder numpy_bridge)
  set(folder_from_share ..)
else()
  set(share share)
  set(folder include/numpy_bridge)
  set(folder_from_share ../include/numpy_bridge)
endif()
set(folder_from_package ../../${folder_from_share})

install(DIRECTORY csrc/include csrc/engine DESTINATION ${folder} FILES_MATCHING PATTERN "*.[ch]pp")

# Before 1.0 a minor version may break its users. Sources suit every architecture.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/numpy_bridgeConfigVersion.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
configure_file(cmake/numpy_bridgeConfig.cmake.in ${PROJECT_BINARY_DIR}/numpy_bridgeConfig.cmake @ONLY)
configure_file(cmake/numpy_bridge.pc.in ${PROJECT_BINARY_DIR}/numpy_bridge.pc @ONLY)
install(FILES cmake/targets.cmake ${PROJECT_BINARY_DIR}/numpy_bridgeConfig.cmake
  ${PROJECT_BINARY_DIR}/numpy_bridgeConfigVersion.cmake DESTINATION ${share}/cmake/numpy_bridge)
install(FILES ${PROJECT_BINARY_DIR}/numpy_bridge.pc DESTINATION ${share}/pkgconfig)

if(NUMPY_BRIDGE_BUILD_EXTENSION) # Python runs this line when it starts, which lets an audit watch new interpreters
  install(FILES python/numpy_bridge_startup.pth DESTINATION .)
endif()
