# find_package(numpy_bridge) defines the target numpy_bridge::numpy_bridge: the headers, C++17 or newer.
#
# It does not look for pybind11, which numpy_bridge/pybind11.hpp needs: half of the headers need no Python, and
# which Python pybind11 is to use is for its own find_package, and so for its user, to say.

if(TARGET numpy_bridge::numpy_bridge)
  return() # found before, or part of this build
endif()
include(${CMAKE_CURRENT_LIST_DIR}/numpy_bridgeTargets.cmake)

# Where the standard is left open it is C++20, since errors can name a function's arguments in more places there.
if(cxx_std_20 IN_LIST CMAKE_CXX_COMPILE_FEATURES)
  set_property(TARGET numpy_bridge::numpy_bridge APPEND PROPERTY
    INTERFACE_COMPILE_FEATURES $<$<NOT:$<BOOL:$<TARGET_PROPERTY:CXX_STANDARD>>>:cxx_std_20>)
endif()
