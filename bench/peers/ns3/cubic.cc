// CUBIC's window over time as ns-3 has it: one loss on a way that has room for more, then
// undisturbed growth. Prints "seconds segments" whenever the window moves.
#include <cstdint>
#include <cstdio>

#include "two_nodes.hh"

namespace {

constexpr std::uint64_t k_lost = 1200;  // data packets, the first is 1

void on_cwnd(std::uint32_t, std::uint32_t now) {
    std::printf("%.6f %.4f\n", ns3::Simulator::Now().GetSeconds(), now / double{k_mss});
}

void trace() {
    ns3::Config::ConnectWithoutContext(
        "/NodeList/0/$ns3::TcpL4Protocol/SocketList/0/CongestionWindow",
        ns3::MakeCallback(&on_cwnd));
}

// Loses one packet by its number.
class LoseOne : public ns3::ErrorModel {
    bool DoCorrupt(ns3::Ptr<ns3::Packet> packet) override {
        return packet->GetSize() > 1000 && ++count_ == k_lost;
    }
    void DoReset() override { count_ = 0; }
    std::uint64_t count_ = 0;
};

}  // namespace

int main() {
    using namespace ns3;
    const TwoNodes two = send_in_bulk({"10Gbps", "50ms", "100000p", 64u << 20, 64u << 20});
    two.devices.Get(1)->SetAttribute("ReceiveErrorModel", PointerValue(CreateObject<LoseOne>()));
    Simulator::Schedule(MilliSeconds(1), &trace);
    Simulator::Stop(Seconds(25));
    Simulator::Run();
    Simulator::Destroy();
    return 0;
}
