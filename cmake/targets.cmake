# numpy_bridge_add_targets(folder) defines two targets from a folder that holds include/ and engine/:
#
#   numpy_bridge::header_only    each source file compiles the functions that it includes
#   numpy_bridge::numpy_bridge   a static library has them, compiled once in the build that links it
#
# The library needs pybind11, and which one is for its users to say. Where find_package(pybind11) was called neither in
# this directory nor above it (before or after does not matter), numpy_bridge::numpy_bridge is header_only.
function(numpy_bridge_add_targets folder)
  add_library(numpy_bridge_header_only INTERFACE)
  add_library(numpy_bridge::header_only ALIAS numpy_bridge_header_only)
  target_include_directories(numpy_bridge_header_only INTERFACE ${folder}/include)
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

# Suits the engine to the builds of others: quick to compile, as small as its modules allow, without our warnings.
function(numpy_bridge_suit_users folder)
  set_property(TARGET numpy_bridge_header_only PROPERTY INTERFACE_SYSTEM_INCLUDE_DIRECTORIES ${folder}/include)

  # Two files instead of all: parsing pybind11 takes most of the time. Programs without Python link only the first.
  file(GLOB_RECURSE sources ${folder}/engine/*.cpp)
  set_source_files_properties(${sources} PROPERTIES UNITY_GROUP python)
  set(without_python device dtype dtype_reasons error memory overlap self_overlap)
  list(TRANSFORM without_python REPLACE "(.+)" "${folder}/engine/\\1.cpp")
  set_source_files_properties(${without_python} PROPERTIES UNITY_GROUP base)
  set_target_properties(numpy_bridge_engine PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)

  target_link_libraries(numpy_bridge_engine PRIVATE $<TARGET_NAME_IF_EXISTS:pybind11::opt_size>)
  if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang" AND NOT APPLE)
    target_compile_options(numpy_bridge_engine PRIVATE -ffunction-sections -fdata-sections)
    target_link_options(numpy_bridge_engine INTERFACE LINKER:--gc-sections)
  endif()
endfunction()
