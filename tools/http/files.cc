#include "http/files.hh"

#include <algorithm>
#include <charconv>
#include <vector>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.hh"

namespace tern::tools {

namespace fs = std::filesystem;

File::~File() {
    if (fd_ >= 0) ::close(fd_);
}

std::size_t File::read_at(u64 offset, char* into, std::size_t room) const {
    const ssize_t n = ::pread(fd_, into, room, static_cast<off_t>(offset));
    return n > 0 ? static_cast<std::size_t>(n) : 0;
}

namespace {

bool is_under(const fs::path& base, const fs::path& path) {
    return std::mismatch(base.begin(), base.end(), path.begin(), path.end()).first == base.end();
}

// Why a path cannot be resolved. Of a link nothing is told but that it leads nowhere.
NotFound why_not(const fs::path& base, const fs::path& relative) {
    fs::path at = base;
    for (const fs::path& part : relative) {
        std::error_code error;
        const fs::path next = fs::canonical(at / part, error);
        const bool denied = error == std::errc::permission_denied;
        if (error && !denied) return NotFound::Missing;
        std::error_code link_error;
        const bool link = fs::is_symlink(fs::symlink_status(at / part, link_error));
        if (error) return link ? NotFound::Missing : NotFound::Forbidden;
        if (!is_under(base, next)) return NotFound::Missing;
        at = next;
    }
    return NotFound::Missing;
}

// The path with links resolved; Missing if it lies outside of the root.
std::expected<fs::path, NotFound> resolve(const fs::path& root, std::string_view decoded) {
    std::error_code error;
    const fs::path base = fs::canonical(root, error);
    if (error) return std::unexpected(NotFound::Missing);
    const fs::path relative{decoded.substr(1)};
    fs::path full = fs::canonical(base / relative, error);
    if (error) return std::unexpected(why_not(base, relative));
    if (!is_under(base, full)) return std::unexpected(NotFound::Missing);
    return full;
}

std::expected<Found, NotFound> open_file(const fs::path& path) {
    // Without O_NONBLOCK a FIFO would hold the whole server.
    File file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    struct stat facts {};
    if (file.fd() < 0 || ::fstat(file.fd(), &facts) != 0) {
        return std::unexpected(errno == ENOENT ? NotFound::Missing : NotFound::Forbidden);
    }
    if (!S_ISREG(facts.st_mode)) return std::unexpected(NotFound::Forbidden);
    Found found;
    found.path = path;
    found.file = std::move(file);
    found.size = static_cast<u64>(facts.st_size);
    found.modified = facts.st_mtim.tv_sec;
    found.etag = fmt::format("\"{:x}-{:x}{:08x}\"", found.size, found.modified,
                             static_cast<u32>(facts.st_mtim.tv_nsec));
    return found;
}

}  // namespace

std::expected<Found, NotFound> find_file(const fs::path& root, std::string_view target) {
    const std::string_view path = target.substr(0, target.find_first_of("?#"));
    const auto decoded = url_decode(path);
    if (!decoded || decoded->empty() || decoded->front() != '/' || decoded->contains('\0')) {
        return std::unexpected(NotFound::BadRequest);
    }
    for (const fs::path& part : fs::path(*decoded)) {
        if (part == "..") return std::unexpected(NotFound::Forbidden);
    }
    // "//etc" would be an absolute path to the file system library.
    std::string relative = *decoded;
    while (relative.starts_with("//")) relative.erase(0, 1);
    auto full = resolve(root, relative);
    if (!full) return std::unexpected(full.error());
    std::error_code error;
    if (!fs::is_directory(*full, error)) {
        if (relative.ends_with('/')) return std::unexpected(NotFound::Missing);
        return open_file(*full);
    }
    Found found;
    found.path = *full;
    if (!relative.ends_with('/')) {
        found.kind = Found::Kind::Redirect;
        found.location = url_encode(relative) + "/";
        return found;
    }
    if (auto index = resolve(root, relative + "index.html")) return open_file(*index);
    found.kind = Found::Kind::Directory;
    return found;
}

std::string_view content_type(const fs::path& path) {
    struct Type {
        std::string_view suffix, type;
    };
    static constexpr Type types[] = {
        {".html", "text/html; charset=utf-8"},
        {".htm", "text/html; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".json", "application/json"},
        {".txt", "text/plain; charset=utf-8"},
        {".md", "text/plain; charset=utf-8"},
        {".log", "text/plain; charset=utf-8"},
        {".xml", "application/xml"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".jpeg", "image/jpeg"},
        {".gif", "image/gif"},
        {".webp", "image/webp"},
        {".ico", "image/x-icon"},
        {".pdf", "application/pdf"},
        {".zip", "application/zip"},
        {".gz", "application/gzip"},
        {".mp4", "video/mp4"},
        {".mp3", "audio/mpeg"},
        {".wasm", "application/wasm"},
    };
    std::string suffix = path.extension().string();
    std::ranges::transform(suffix, suffix.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    for (const Type& t : types) {
        if (t.suffix == suffix) return t.type;
    }
    return "application/octet-stream";
}

namespace {

struct Entry {
    std::string name;
    bool folder = false;
    u64 size = 0;
};

// Nothing for what find_file() would not give either: other things than files and folders, and
// links that lead out of the root or nowhere.
std::optional<Entry> entry_of(const fs::path& base, const fs::directory_entry& entry) {
    std::error_code error;
    if (entry.is_symlink(error) && !is_under(base, fs::canonical(entry.path(), error))) {
        return std::nullopt;
    }
    if (error) return std::nullopt;
    Entry result{.name = entry.path().filename().string()};
    result.folder = entry.is_directory(error);
    if (!result.folder && !entry.is_regular_file(error)) return std::nullopt;
    if (!result.folder) result.size = entry.file_size(error);
    return error ? std::nullopt : std::optional{std::move(result)};
}

}  // namespace

std::expected<std::string, NotFound> directory_page(const fs::path& root, const fs::path& directory,
                                                    std::string_view target) {
    const std::string_view path = target.substr(0, target.find_first_of("?#"));
    const std::string title = html_escape(url_decode(path).value_or(std::string{path}));
    std::vector<Entry> entries;
    std::error_code error;
    const fs::path base = fs::canonical(root, error);
    fs::directory_iterator at{directory, error};
    for (; !error && at != fs::directory_iterator{}; at.increment(error)) {
        if (auto entry = entry_of(base, *at)) entries.push_back(std::move(*entry));
    }
    if (error == std::errc::permission_denied) return std::unexpected(NotFound::Forbidden);
    if (error) return std::unexpected(NotFound::Missing);
    std::ranges::sort(entries, [](const Entry& a, const Entry& b) {
        return a.folder != b.folder ? a.folder : a.name < b.name;
    });
    std::string page = fmt::format(
        "<!doctype html>\n<html><head><meta charset=\"utf-8\"><title>{0}</title>\n"
        "<style>body{{font-family:sans-serif;margin:2em}}td{{padding:0 2em 0 0}}"
        "td+td{{text-align:right}}</style></head>\n<body><h1>{0}</h1>\n<table>\n",
        title);
    if (path != "/") page += "<tr><td><a href=\"../\">../</a></td><td></td></tr>\n";
    for (const Entry& e : entries) {
        const std::string slash = e.folder ? "/" : "";
        page += fmt::format("<tr><td><a href=\"./{}{}\">{}{}</a></td><td>{}</td></tr>\n",
                            url_encode(e.name), slash, html_escape(e.name), slash,
                            e.folder ? "" : human_bytes(e.size));
    }
    return page + "</table>\n<p>tern</p></body></html>\n";
}

namespace {

std::optional<u64> number(std::string_view text) {
    u64 value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace

// A header that is no single range is as good as none: RFC 9110 14.2 lets a server ignore it.
RangeAnswer parse_range(std::string_view header, u64 size, ByteRange& range) {
    constexpr std::string_view unit = "bytes=";
    if (!header.starts_with(unit) || header.contains(',')) return RangeAnswer::Whole;
    const std::string_view spec = header.substr(unit.size());
    const std::size_t dash = spec.find('-');
    if (dash == spec.npos) return RangeAnswer::Whole;
    const std::string_view left = spec.substr(0, dash), right = spec.substr(dash + 1);
    const auto first = number(left), last = number(right);
    if (left.empty()) {  // the last N bytes
        if (!last) return RangeAnswer::Whole;
        if (*last == 0 || size == 0) return RangeAnswer::Unsatisfiable;
        range.length = std::min(*last, size);
        range.first = size - range.length;
        return RangeAnswer::Part;
    }
    if (!first || (!right.empty() && (!last || *last < *first))) return RangeAnswer::Whole;
    if (*first >= size) return RangeAnswer::Unsatisfiable;
    range.first = *first;
    range.length = (right.empty() ? size - 1 : std::min(*last, size - 1)) - *first + 1;
    return RangeAnswer::Part;
}

}  // namespace tern::tools
