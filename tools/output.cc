#include "output.hh"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "text.hh"

namespace tern::tools {

namespace {

bool g_failed = false;  // anything, so far

}  // namespace

void output_failed(const std::string& file, int number) {
    g_failed = true;
    fmt::print(stderr, "tern: {}: not all could be written: {}\n", file,
               number == 0 ? "is there room for it?" : file_trouble(number));
}

bool all_written() {
    errno = 0;
    // After an earlier failure errno tells of something else, or of nothing.
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
        output_failed("standard output", errno);
    return !g_failed;
}

unsigned drawing_width() {
    constexpr unsigned least = 80, most = 120;
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return least;
    return std::clamp<unsigned>(size.ws_col, least, most);
}

}  // namespace tern::tools
