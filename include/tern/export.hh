// What a shared library of tern exports: what a public header declares, and nothing else, since the
// libraries are compiled with hidden visibility. The macros mean the same in every build, so no
// switch of a build changes what a header says.
#pragma once

// A name that the libraries export.
#define TERN_API __attribute__((visibility("default")))
// A type that a public header must name although no program can use it.
#define TERN_LOCAL __attribute__((visibility("hidden")))
