/// The one place where the version is written. CMake, pyproject.toml and Python read it from here.
#pragma once

#define NUMPY_BRIDGE_VERSION "0.1.0"
