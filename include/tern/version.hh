// The version of tern whose headers these are, by semantic versioning. While the major version is
// 0, a new minor version may change what programs see, and the names of the shared libraries.
#pragma once

#define TERN_VERSION_MAJOR 0
#define TERN_VERSION_MINOR 1
#define TERN_VERSION_PATCH 0
#define TERN_VERSION_STRING "0.1.0"
