// Text for people and for programs: sizes, times, what strangers wrote, percent-encoding.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tern/tcp.hh"

namespace tern::tools {

std::string human_bytes(u64 bytes);                         // "209.7 MB"
std::string human_rate(u64 bytes, Duration in);             // "1.24 GB/s"
std::string human_time(Duration d);                         // "12.3 ms"
std::string human_bits(double bits_per_second);             // "94.2 Mbit/s"
std::optional<Duration> parse_time(std::string_view text);  // "20ms", "1.5s", "300us"; up to 10^6 s
std::optional<u64> parse_rate(std::string_view text);       // "100mbit", "1.5gbit", "8bit"
std::optional<u64> parse_size(std::string_view text);       // "200MB", "64K", "1GiB", "5"
// With its quotes. Bytes that are no UTF-8 become U+FFFD.
std::string json_string(std::string_view text);
// What a peer, a file or a device wrote, for one line of a terminal or a log: controls (C0, DEL,
// C1), what turns the direction of text, line separators and bytes that are no UTF-8 are written
// out, as in "\x1b", "\n" and "\u202e". All foreign text that is printed goes through here.
std::string printable(std::string_view text);
std::string html_escape(std::string_view text);
std::string url_encode(std::string_view path);  // "/" stays
std::optional<std::string> url_decode(std::string_view path);
std::string http_date(i64 seconds);  // "Sun, 06 Nov 1994 08:49:37 GMT"
std::optional<i64> parse_http_date(std::string_view text);
Ecn ecn_of(std::string_view name);  // "off", "accept", "classic", "accurate"; else Accept
double seconds_of(Duration d);
std::string file_trouble(int number);  // what errno says about a file, and what helps
void write_file(const std::string& file, const std::string& text);  // or throws with the trouble

}  // namespace tern::tools
