#include "end.hh"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string_view>

namespace tern::bench {

volatile std::sig_atomic_t stop_asked = 0;

namespace {

void (*wake_up)() = nullptr;

void on_stop(int) {
    stop_asked = 1;
    if (wake_up != nullptr) wake_up();
}

[[noreturn]] void usage() {
    give_up(
        "send --to ADDRESS:PORT [--bytes N] [--congestion NAME] | receive [--port N]\n"
        "    [--bytes N] [--seconds S]; a tern end: --link LINK --address CIDR [--capture FILE]");
}

}  // namespace

void give_up(const std::string& why) {
    std::fprintf(stderr, "%s\n", why.c_str());
    std::exit(1);
}

EndOptions end_options_of(int argc, char** argv) {
    EndOptions o;
    if (argc < 2) usage();
    o.sends = std::string_view{argv[1]} == "send";
    for (int i = 2; i + 1 < argc; i += 2) {
        const std::string_view flag = argv[i];
        const std::string value = argv[i + 1];
        if (flag == "--link")
            o.link = value;
        else if (flag == "--address")
            o.address = value;
        else if (flag == "--to")
            o.peer = Endpoint::parse(value).value_or(Endpoint{});
        else if (flag == "--port")
            o.port = static_cast<u16>(std::atoi(value.c_str()));
        else if (flag == "--seconds")
            o.lasts = Duration{static_cast<i64>(std::atof(value.c_str()) * 1e9)};
        else if (flag == "--bytes")
            o.bytes = std::strtoull(value.c_str(), nullptr, 10);
        else if (flag == "--congestion")
            o.congestion = value;
        else if (flag == "--capture")
            o.capture = value;
        else
            usage();
    }
    if (argc % 2 != 0 || (o.sends && o.peer.port == 0)) usage();
    return o;
}

void listen_for_stop(void (*also)()) {
    wake_up = also;
    std::signal(SIGTERM, on_stop);
}

Pattern::Pattern() : twice_(2 * k_period) {
    std::mt19937 dice{1};
    for (std::size_t i = 0; i < k_period; ++i) {
        twice_[i] = twice_[i + k_period] = static_cast<std::byte>(dice());
    }
}

std::span<const std::byte> Pattern::at(u64 offset) const {
    return std::span{twice_}.subspan(offset % k_period, k_period);
}

bool Pattern::equals(u64 offset, std::span<const std::byte> bytes) const {
    while (!bytes.empty()) {
        const auto expected = at(offset);
        const std::size_t n = std::min(expected.size(), bytes.size());
        if (std::memcmp(expected.data(), bytes.data(), n) != 0) return false;
        offset += n;
        bytes = bytes.subspan(n);
    }
    return true;
}

void Arrivals::add(Instant now, std::span<const std::byte> bytes) {
    if (!pattern_.equals(total_, bytes)) give_up("a byte arrived that was not sent there");
    const auto bin = static_cast<std::size_t>((now - began_) / k_bin);
    if (bins_.size() <= bin) bins_.resize(bin + 1);
    bins_[bin] += bytes.size();
    total_ += bytes.size();
    last_ = now;
}

void Arrivals::print() const {
    std::string bins;
    for (const u64 n : bins_) {
        if (!bins.empty()) bins += ',';
        bins += std::to_string(n);
    }
    std::printf("{\"began\":%.6f,\"last\":%.6f,\"bytes\":%llu,\"waited\":%.3f,\"bins\":[%s]}\n",
                seconds_of(began_), seconds_of(last_), static_cast<unsigned long long>(total_),
                waited_for_core(), bins.c_str());
}

void Samples::add(Instant now, u64 cwnd, u64 ssthresh, u64 flight, Duration srtt) {
    next_ = now + k_every;
    char line[128];
    std::snprintf(line, sizeof line, "%s[%.3f,%llu,%llu,%llu,%.3f]", text_.empty() ? "" : ",",
                  seconds_of(now), static_cast<unsigned long long>(cwnd),
                  static_cast<unsigned long long>(ssthresh),
                  static_cast<unsigned long long>(flight), static_cast<double>(srtt.count()) / 1e6);
    text_ += line;
}

std::string Samples::json() const { return "[" + text_ + "]"; }

double seconds_of(Instant t) { return static_cast<double>(t.time_since_epoch().count()) / 1e9; }

double waited_for_core() {
    double waited = 0;
    if (std::FILE* file = std::fopen("/proc/self/schedstat", "r")) {
        if (std::fscanf(file, "%*s %lf", &waited) != 1) waited = 0;
        std::fclose(file);
    }
    return waited / 1e9;
}

}  // namespace tern::bench
