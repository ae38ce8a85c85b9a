# Finds Python's headers and pybind11, the latter through Python where CMake does not know the place.

find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)
if(NOT DEFINED pybind11_DIR)
  execute_process(COMMAND ${Python_EXECUTABLE} -m pybind11 --cmakedir
    OUTPUT_VARIABLE pybind11_DIR OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
find_package(pybind11 3.1 CONFIG REQUIRED)
