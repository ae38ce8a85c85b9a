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

  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${folder}/engine/*.cpp)
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

# Compiles the engine as three files instead of all, since parsing pybind11 or nanobind takes most of the time: base is
# what programs without Python link, call is what runs in every call, and rest the rest.
function(numpy_bridge_compile_in_three folder)
  set(base device dtype dtype_reasons error memory overlap self_overlap)
  set(call arguments/fast_path arguments/load import libraries/library libraries/numpy libraries/torch
    libraries/torch_tensor libraries/view protocols/dlpack python)
  file(GLOB_RECURSE rest RELATIVE ${folder}/engine CONFIGURE_DEPENDS ${folder}/engine/*.cpp)
  list(TRANSFORM rest REPLACE "\\.cpp$" "")
  list(REMOVE_ITEM rest ${base} ${call})
  foreach(group base call rest)
    list(TRANSFORM ${group} REPLACE "(.+)" "#include \"${folder}/engine/\\1.cpp\"\n" OUTPUT_VARIABLE lines)
    string(CONCAT text ${lines})
    file(CONFIGURE OUTPUT numpy_bridge_engine/${group}.cpp CONTENT "${text}" @ONLY)
    list(APPEND files ${CMAKE_CURRENT_BINARY_DIR}/numpy_bridge_engine/${group}.cpp)
  endforeach()
  set_property(TARGET numpy_bridge_engine PROPERTY SOURCES ${files})
  set_property(TARGET numpy_bridge_nanobind PROPERTY INTERFACE_SOURCES ${files})
  set(numpy_bridge_engine_files ${files} PARENT_SCOPE)
endfunction()

# Suits the engine to the builds of others: quick to compile, as small as its modules allow, without our warnings.
function(numpy_bridge_suit_users folder)
  set_property(TARGET numpy_bridge_header_only PROPERTY INTERFACE_SYSTEM_INCLUDE_DIRECTORIES ${folder}/include)

  numpy_bridge_compile_in_three(${folder})
  if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    set(files ${numpy_bridge_engine_files})
    list(GET files 1 call)
    list(REMOVE_AT files 1)
    set_property(SOURCE ${files} PROPERTY COMPILE_OPTIONS $<$<CONFIG:Release,MinSizeRel,RelWithDebInfo>:-Os>)
    set_property(SOURCE ${call} PROPERTY COMPILE_OPTIONS $<$<CONFIG:Release,MinSizeRel,RelWithDebInfo>:-O2>)
    if(NOT APPLE)
      target_compile_options(numpy_bridge_engine PRIVATE -ffunction-sections -fdata-sections)
      target_link_options(numpy_bridge_engine INTERFACE LINKER:--gc-sections)
    endif()
  endif()
endfunction()
