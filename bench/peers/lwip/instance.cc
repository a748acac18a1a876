// Loads lwIP twice. The loader recognises a file it has already mapped, so the second instance is a
// copy of the library in anonymous memory; both share one libc and thereby one allocator.
#include "instance.hh"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace lwip_peer {

void require(bool condition, const char* what) {
    if (condition) return;
    std::fprintf(stderr, "lwip_peer: %s\n", what);
    std::exit(1);
}

namespace {

template <class Pointer>
void find(void* library, const char* name, Pointer& out) {
    out = reinterpret_cast<Pointer>(dlsym(library, name));
    require(out != nullptr, name);
}

Instance open_library(const char* path) {
    void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    require(library != nullptr, "cannot load lwIP");
    Instance in;
#define LWIP_PEER_FIND(name) find(library, #name, in.name);
    LWIP_PEER_FUNCTIONS(LWIP_PEER_FIND)
#undef LWIP_PEER_FIND
    find(library, "tcp_active_pcbs", in.active_pcbs);
    find(library, "tcp_tw_pcbs", in.time_wait_pcbs);
    in.lwip_init();
    return in;
}

}  // namespace

Instance load_instance() { return open_library(LWIP_PEER_LIBRARY); }

Instance load_copied_instance() {
    std::ifstream file(LWIP_PEER_LIBRARY, std::ios::binary);
    const std::vector<char> image{std::istreambuf_iterator<char>(file), {}};
    const int memory = memfd_create("lwip", MFD_CLOEXEC);
    require(memory >= 0, "cannot create a memory file");
    require(write(memory, image.data(), image.size()) == static_cast<ssize_t>(image.size()),
            "cannot copy lwIP");
    const Instance in = open_library(("/proc/self/fd/" + std::to_string(memory)).c_str());
    close(memory);
    return in;
}

}  // namespace lwip_peer
