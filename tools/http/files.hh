// Files under a root directory, for an HTTP server: what a request's path means, and never
// anything outside of the root.
#pragma once

#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "tern/int.hh"

namespace tern::tools {

class File {
public:
    File() = default;
    explicit File(int fd) : fd_(fd) {}
    File(File&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
    File& operator=(File&& o) noexcept {
        std::swap(fd_, o.fd_);
        return *this;
    }
    ~File();

    int fd() const { return fd_; }
    // Bytes read at `offset`; 0: end of file or an error.
    std::size_t read_at(u64 offset, char* into, std::size_t room) const;

private:
    int fd_ = -1;
};

struct Found {
    enum class Kind { File, Directory, Redirect } kind = Kind::File;
    std::filesystem::path path;
    File file;  // Kind::File
    u64 size = 0;
    i64 modified = 0;  // seconds since 1970
    std::string etag;
    std::string location;  // Kind::Redirect: the same with a slash behind
};

// What lies outside of the root is Missing, whether it is there or not: an answer tells nothing
// about it.
enum class NotFound { BadRequest, Missing, Forbidden };

// `target` is what stands in the request line, query included.
std::expected<Found, NotFound> find_file(const std::filesystem::path& root,
                                         std::string_view target);
std::string_view content_type(const std::filesystem::path& path);
// The listing of a directory under `root`: what would be served of it, and nothing of what a link
// out of the root leads to.
std::expected<std::string, NotFound> directory_page(const std::filesystem::path& root,
                                                    const std::filesystem::path& directory,
                                                    std::string_view target);

// A single byte range of RFC 9110 14.1.2.
struct ByteRange {
    u64 first = 0, length = 0;
};
enum class RangeAnswer { Whole, Part, Unsatisfiable };
RangeAnswer parse_range(std::string_view header, u64 size, ByteRange& range);

}  // namespace tern::tools
