# numpy_bridge_add_targets(folder) defines three targets from a folder that holds include/ and engine/:
#
#   numpy_bridge::header_only    each source file compiles the functions that it includes
#   numpy_bridge::numpy_bridge   for pybind11: a static library has them, compiled once in the build that links it
#   numpy_bridge::nanobind       for nanobind: each module that links it compiles them once
#
# The static library needs pybind11, and which one is for its users to say. Where find_package(pybind11) was called
# neither in this directory nor above it (before or after does not matter), numpy_bridge::numpy_bridge is header_only.
#
# What nanobind_add_module(... STABLE_ABI) and BACKEND_MODULE define decides how the engine is compiled. So its sources
# become sources of the module.
function(numpy_bridge_add_targets folder)
  add_library(numpy_bridge_header_only INTERFACE)
  add_library(numpy_bridge::header_only ALIAS numpy_bridge_header_only)
  target_include_directories(numpy_bridge_header_only INTERFACE ${folder}/include)
  target_compile_features(numpy_bridge_header_only INTERFACE cxx_std_17)
  target_link_libraries(numpy_bridge_header_only INTERFACE ${CMAKE_DL_LIBS}) # a part of libc since glibc 2.34

  file(GLOB sources CONFIGURE_DEPENDS ${folder}/engine/units/*.cpp)
  add_library(numpy_bridge_engine STATIC EXCLUDE_FROM_ALL ${sources})
  target_compile_definitions(numpy_bridge_engine PUBLIC NUMPY_BRIDGE_COMPILED)
  target_link_libraries(numpy_bridge_engine PUBLIC numpy_bridge_header_only
    PRIVATE $<TARGET_NAME_IF_EXISTS:pybind11::pybind11>)
  set_target_properties(numpy_bridge_engine PROPERTIES
    POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)

  add_library(numpy_bridge_nanobind INTERFACE)
  add_library(numpy_bridge::nanobind ALIAS numpy_bridge_nanobind)
  target_sources(numpy_bridge_nanobind INTERFACE ${sources})
  target_compile_definitions(numpy_bridge_nanobind INTERFACE NUMPY_BRIDGE_NANOBIND NUMPY_BRIDGE_COMPILED)
  target_link_libraries(numpy_bridge_nanobind INTERFACE numpy_bridge_header_only)

  add_library(numpy_bridge_default INTERFACE)
  add_library(numpy_bridge::numpy_bridge ALIAS numpy_bridge_default)
  target_link_libraries(numpy_bridge_default INTERFACE
    $<IF:$<TARGET_EXISTS:pybind11::pybind11>,numpy_bridge_engine,numpy_bridge_header_only>)
endfunction()

# Suits the engine to the builds of others: quick to compile, as small as its modules allow, without our warnings.
function(numpy_bridge_suit_users folder)
  set_property(TARGET numpy_bridge_header_only PROPERTY INTERFACE_SYSTEM_INCLUDE_DIRECTORIES ${folder}/include)

  if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    set(units ${folder}/engine/units)
    set(optimized $<CONFIG:Release,MinSizeRel,RelWithDebInfo>)
    set_property(SOURCE ${units}/base.cpp ${units}/rest.cpp PROPERTY COMPILE_OPTIONS $<${optimized}:-Os>)
    set_property(SOURCE ${units}/call.cpp PROPERTY COMPILE_OPTIONS $<${optimized}:-O2>)
    if(NOT APPLE)
      target_compile_options(numpy_bridge_engine PRIVATE -ffunction-sections -fdata-sections)
      target_link_options(numpy_bridge_engine INTERFACE LINKER:--gc-sections)
    endif()
  endif()
endfunction()
