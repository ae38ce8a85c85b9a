# Finds the CUDA compiler as NUMPY_BRIDGE_CUDA asks, sets NUMPY_BRIDGE_HAS_CUDA, and names the architectures to build
# for: machine code for those that the toolkit knows, and PTX of the newest for what comes. Devices of 8.6 and 8.9 run the
# code for 8.0: it is bound by memory.

set(NUMPY_BRIDGE_HAS_CUDA OFF)
if(NUMPY_BRIDGE_CUDA STREQUAL "OFF")
  return()
endif()
include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  if(NOT NUMPY_BRIDGE_CUDA STREQUAL "AUTO")
    message(FATAL_ERROR "NUMPY_BRIDGE_CUDA is ${NUMPY_BRIDGE_CUDA}, but no CUDA compiler was found: put nvcc into PATH, "
      "or name it with -DCMAKE_CUDA_COMPILER=...")
  endif()
  message(STATUS "No CUDA compiler: building without CUDA kernels")
  return()
endif()

if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND "$ENV{CUDAARCHS}" STREQUAL "")
  execute_process(COMMAND ${CMAKE_CUDA_COMPILER} --list-gpu-arch OUTPUT_VARIABLE known COMMAND_ERROR_IS_FATAL ANY)
  foreach(architecture IN ITEMS 75 80 90 100 120)
    if(known MATCHES "compute_${architecture}\n")
      list(APPEND architectures ${architecture}-real)
      set(newest ${architecture}-virtual)
    endif()
  endforeach()
  set(CMAKE_CUDA_ARCHITECTURES ${architectures} ${newest})
endif()
set(CMAKE_CUDA_RUNTIME_LIBRARY Static) # so that the module imports where there is no CUDA at all
enable_language(CUDA)
find_package(CUDAToolkit REQUIRED)
set(NUMPY_BRIDGE_HAS_CUDA ON)
