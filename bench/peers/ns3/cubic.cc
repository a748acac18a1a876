// CUBIC's window over time as ns-3 has it: one loss on a way that has room for more, then
// undisturbed growth. Prints "seconds segments" whenever the window moves.
#include <cstdint>
#include <cstdio>

#include <ns3/applications-module.h>
#include <ns3/core-module.h>
#include <ns3/internet-module.h>
#include <ns3/network-module.h>
#include <ns3/point-to-point-module.h>

namespace {

constexpr std::uint32_t k_mss = 1448;
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
    Config::SetDefault("ns3::TcpL4Protocol::SocketType", TypeIdValue(TcpCubic::GetTypeId()));
    Config::SetDefault("ns3::TcpSocket::SegmentSize", UintegerValue(k_mss));
    Config::SetDefault("ns3::TcpSocket::SndBufSize", UintegerValue(64u << 20));
    Config::SetDefault("ns3::TcpSocket::RcvBufSize", UintegerValue(64u << 20));
    Config::SetDefault("ns3::TcpSocket::InitialCwnd", UintegerValue(10));

    NodeContainer nodes(2);
    PointToPointHelper wire;
    wire.SetDeviceAttribute("DataRate", StringValue("10Gbps"));
    wire.SetChannelAttribute("Delay", StringValue("50ms"));
    wire.SetQueue("ns3::DropTailQueue", "MaxSize", StringValue("100000p"));
    const NetDeviceContainer devices = wire.Install(nodes);
    devices.Get(1)->SetAttribute("ReceiveErrorModel", PointerValue(CreateObject<LoseOne>()));
    InternetStackHelper().Install(nodes);
    const auto interfaces = Ipv4AddressHelper("10.0.0.0", "255.255.255.0").Assign(devices);

    PacketSinkHelper("ns3::TcpSocketFactory", InetSocketAddress(Ipv4Address::GetAny(), 80))
        .Install(nodes.Get(1));
    BulkSendHelper bulk("ns3::TcpSocketFactory", InetSocketAddress(interfaces.GetAddress(1), 80));
    bulk.SetAttribute("SendSize", UintegerValue(64 * 1024));
    bulk.Install(nodes.Get(0));
    Simulator::Schedule(MilliSeconds(1), &trace);
    Simulator::Stop(Seconds(25));
    Simulator::Run();
    Simulator::Destroy();
    return 0;
}
