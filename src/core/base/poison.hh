// Tells AddressSanitizer which bytes of our own pools are free, so that a use after free of a
// pooled record is reported like one of malloc. Nothing at all in other builds.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define TERN_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TERN_ADDRESS_SANITIZER 1
#endif
#endif

#ifdef TERN_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

namespace tern {

inline void poison([[maybe_unused]] const void* at, [[maybe_unused]] std::size_t bytes) {
#ifdef TERN_ADDRESS_SANITIZER
    __asan_poison_memory_region(at, bytes);
#endif
}
inline void unpoison([[maybe_unused]] const void* at, [[maybe_unused]] std::size_t bytes) {
#ifdef TERN_ADDRESS_SANITIZER
    __asan_unpoison_memory_region(at, bytes);
#endif
}

}  // namespace tern
