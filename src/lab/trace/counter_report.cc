// Counters for people and for programs.
#include "tern/counter_report.hh"

#include <nlohmann/json.hpp>

#include "lab/trace/reasons.hh"

namespace tern {

namespace {

struct Named {
    const char* key;   // in JSON
    const char* text;  // in the table
    u64 Counters::*member;
};
constexpr Named k_counters[] = {
    {"packets_in", "packets received", &Counters::packets_in},
    {"packets_out", "packets sent", &Counters::packets_out},
    {"bytes_in", "bytes received", &Counters::bytes_in},
    {"bytes_out", "bytes sent", &Counters::bytes_out},
    {"tcp_segments_in", "TCP segments received", &Counters::tcp_segments_in},
    {"tcp_segments_out", "TCP segments sent", &Counters::tcp_segments_out},
    {"tcp_retransmissions", "TCP segments sent again", &Counters::tcp_retransmissions},
    {"tcp_predicted", "TCP segments that came as predicted", &Counters::tcp_predicted},
    {"tcp_without_timestamp", "TCP segments without the agreed timestamp",
     &Counters::tcp_without_timestamp},
    {"tcp_marks_in", "TCP segments that had met congestion (ECN)", &Counters::tcp_marks_in},
    {"tcp_mark_reductions", "TCP windows reduced for such marks", &Counters::tcp_mark_reductions},
    {"tcp_connections_opened", "TCP connections opened", &Counters::tcp_connections_opened},
    {"tcp_connections_accepted", "TCP connections accepted", &Counters::tcp_connections_accepted},
    {"tcp_cookies_sent", "SYN cookies sent", &Counters::tcp_cookies_sent},
    {"tcp_orphans_timed_out", "closed TCP connections whose peer took too little",
     &Counters::tcp_orphans_timed_out},
    {"tcp_orphans_evicted", "closed TCP connections that made room for others",
     &Counters::tcp_orphans_evicted},
    {"tcp_fast_opens", "SYNs whose data was taken", &Counters::tcp_fast_opens},
    {"udp_in", "UDP datagrams received", &Counters::udp_in},
    {"udp_out", "UDP datagrams sent", &Counters::udp_out},
    {"icmp_in", "ICMP messages received", &Counters::icmp_in},
    {"icmp_out", "ICMP messages sent", &Counters::icmp_out},
    {"arp_in", "ARP packets received", &Counters::arp_in},
    {"arp_out", "ARP packets sent", &Counters::arp_out},
};
constexpr std::size_t k_number_width = 15;

std::string table_line(u64 value, std::string_view text) {
    const std::string number = trace::grouped(value);
    std::string line(number.size() < k_number_width ? k_number_width - number.size() : 0, ' ');
    return line + number + "  " + std::string{text} + "\n";
}

}  // namespace

std::string counter_table(const Counters& counters) {
    std::string out;
    for (const Named& n : k_counters)
        if (const u64 value = counters.*n.member; value > 0) out += table_line(value, n.text);
    bool any = false;
    for (u32 i = 1; i < k_drop_reason_count; ++i) {
        if (counters.drops[i] == 0) continue;
        if (!any) out += "dropped:\n";
        any = true;
        out += table_line(counters.drops[i], text_of(static_cast<DropReason>(i)));
    }
    return out.empty() ? "nothing yet\n" : out;
}

std::string counter_json(const Counters& counters) {
    nlohmann::ordered_json all, drops = nlohmann::ordered_json::object();
    for (const Named& n : k_counters) all[n.key] = counters.*n.member;
    for (u32 i = 1; i < k_drop_reason_count; ++i)
        if (counters.drops[i] > 0)
            drops[std::string{name_of(static_cast<DropReason>(i))}] = counters.drops[i];
    all["drops"] = drops;
    return all.dump() + "\n";
}

}  // namespace tern
