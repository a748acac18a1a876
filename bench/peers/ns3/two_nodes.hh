// What both programs have: two nodes, a wire, and one CUBIC flow that never has too little to send.
#pragma once

#include <cstdint>

#include <ns3/applications-module.h>
#include <ns3/core-module.h>
#include <ns3/internet-module.h>
#include <ns3/network-module.h>
#include <ns3/point-to-point-module.h>

constexpr std::uint32_t k_mss = 1448;

struct Way {
    const char* rate;
    const char* delay;
    const char* queue;            // packets, as in "1000p"
    std::uint32_t send, receive;  // buffers, bytes
};

struct TwoNodes {
    ns3::NetDeviceContainer devices;
    ns3::ApplicationContainer sinks;
};

inline TwoNodes send_in_bulk(const Way& way) {
    using namespace ns3;
    Config::SetDefault("ns3::TcpL4Protocol::SocketType", TypeIdValue(TcpCubic::GetTypeId()));
    Config::SetDefault("ns3::TcpSocket::SegmentSize", UintegerValue(k_mss));
    Config::SetDefault("ns3::TcpSocket::SndBufSize", UintegerValue(way.send));
    Config::SetDefault("ns3::TcpSocket::RcvBufSize", UintegerValue(way.receive));
    Config::SetDefault("ns3::TcpSocket::InitialCwnd", UintegerValue(10));

    NodeContainer nodes(2);
    PointToPointHelper wire;
    wire.SetDeviceAttribute("DataRate", StringValue(way.rate));
    wire.SetChannelAttribute("Delay", StringValue(way.delay));
    wire.SetQueue("ns3::DropTailQueue", "MaxSize", StringValue(way.queue));
    TwoNodes two{wire.Install(nodes), {}};
    InternetStackHelper().Install(nodes);
    const auto interfaces = Ipv4AddressHelper("10.0.0.0", "255.255.255.0").Assign(two.devices);

    PacketSinkHelper sink("ns3::TcpSocketFactory", InetSocketAddress(Ipv4Address::GetAny(), 80));
    two.sinks = sink.Install(nodes.Get(1));
    BulkSendHelper bulk("ns3::TcpSocketFactory", InetSocketAddress(interfaces.GetAddress(1), 80));
    bulk.SetAttribute("SendSize", UintegerValue(64 * 1024));
    bulk.Install(nodes.Get(0));
    return two;
}
