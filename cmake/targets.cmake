# numpy_bridge_add_targets(folder [SYSTEM]) defines two targets from a folder that holds include/ and engine/:
#
#   numpy_bridge::header_only    each source file compiles the functions that it includes
#   numpy_bridge::numpy_bridge   a static library has them, compiled once in the build that links it
#
# The library needs pybind11, and which one is for its users to say. Where find_package(pybind11) was called neither in
# this directory nor above it (before or after does not matter), numpy_bridge::numpy_bridge is header_only.
function(numpy_bridge_add_targets folder)
  add_library(numpy_bridge_header_only INTERFACE)
  add_library(numpy_bridge::header_only ALIAS numpy_bridge_header_only)
  target_include_directories(numpy_bridge_header_only ${ARGN} INTERFACE ${folder}/include)
  target_compile_features(numpy_bridge_header_only INTERFACE cxx_std_17)
  target_link_libraries(numpy_bridge_header_only INTERFACE ${CMAKE_DL_LIBS}) # a part of libc since glibc 2.34

  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${folder}/engine/*.cpp)
  add_library(numpy_bridge_engine STATIC EXCLUDE_FROM_ALL ${sources})
  target_compile_definitions(numpy_bridge_engine PUBLIC NUMPY_BRIDGE_COMPILED)
  target_link_libraries(numpy_bridge_engine PUBLIC numpy_bridge_header_only
    PRIVATE $<TARGET_NAME_IF_EXISTS:pybind11::pybind11>)
  set_target_properties(numpy_bridge_engine PROPERTIES
    POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)

  add_library(numpy_bridge_default INTERFACE)
  add_library(numpy_bridge::numpy_bridge ALIAS numpy_bridge_default)
  target_link_libraries(numpy_bridge_default INTERFACE
    $<IF:$<TARGET_EXISTS:pybind11::pybind11>,numpy_bridge_engine,numpy_bridge_header_only>)
endfunction()
