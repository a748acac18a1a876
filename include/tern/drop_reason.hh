// One name for each reason why a packet is dropped. The text is what a person reads in counters and
// captures.
#pragma once

#include <string_view>

#include "tern/export.hh"
#include "tern/int.hh"

namespace tern TERN_API {

// clang-format off
#define TERN_DROP_REASONS(X) \
    X(LinkNoInterface,       "packet handed in at an interface that the stack does not have") \
    X(LinkTooShort,          "frame shorter than a link header") \
    X(LinkNotForUs,          "frame for another station") \
    X(LinkUnknownType,       "EtherType that nobody here speaks") \
    X(LinkBadSource,         "frame from a group address") \
    X(VlanTooShort,          "VLAN tag cut off") \
    X(VlanNotOurs,           "frame of a VLAN that this interface is not in") \
    X(ArpTooShort,           "ARP packet cut off") \
    X(ArpMalformed,          "ARP for a hardware or protocol other than Ethernet and IPv4") \
    X(ArpBadOperation,       "ARP operation that is neither request nor reply") \
    X(ArpBadSender,          "ARP sender address that no host can have") \
    X(ArpOwnSender,          "ARP from our own hardware address, which came back") \
    X(ArpNotForUs,           "ARP between other hosts") \
    X(Ipv4TooShort,          "IPv4 header cut off") \
    X(Ipv4BadVersion,        "IP version other than 4") \
    X(Ipv4BadHeaderLength,   "IPv4 header length below 20 or past the packet") \
    X(Ipv4BadTotalLength,    "IPv4 total length below the header or past the frame") \
    X(Ipv4BadChecksum,       "IPv4 header checksum wrong") \
    X(Ipv4BadSource,         "IPv4 source address that no host can have") \
    X(Ipv4OwnSource,         "IPv4 source address is our own") \
    X(Ipv4NotForUs,          "IPv4 destination is not ours, and we do not forward") \
    X(Ipv4UnicastInBroadcast,"unicast IPv4 packet inside a link broadcast") \
    X(Ipv4SourceRoute,       "IPv4 source route option refused (RFC 7126)") \
    X(Ipv4Fragment,          "IPv4 fragment: reassembly is not built in") \
    X(Ipv4UnknownProtocol,   "IPv4 protocol that nobody here speaks") \
    X(Ipv6TooShort,          "IPv6 header cut off") \
    X(Ipv6BadLength,         "IPv6 payload length past the frame") \
    X(Ipv6BadExtension,      "IPv6 extension header cut off, or more of them than eight") \
    X(IcmpTooShort,          "ICMP message cut off") \
    X(IcmpBadChecksum,       "ICMP checksum wrong") \
    X(IcmpUnknownType,       "ICMP type that is silently discarded") \
    X(IcmpBroadcastEcho,     "echo request to a broadcast or multicast address") \
    X(IcmpUnexpectedReply,   "echo reply that nobody waits for") \
    X(IcmpSourceQuench,      "ICMP source quench is ignored (RFC 6633)") \
    X(IcmpBadQuote,          "ICMP error that quotes too little or garbage") \
    X(IcmpNoFlow,            "ICMP error for a flow that does not exist") \
    X(IcmpNotInFlight,       "ICMP error that quotes a sequence number not in flight (RFC 5927)") \
    X(IcmpRateLimited,       "ICMP error of ours held back by its rate limit") \
    X(UdpTooShort,           "UDP header cut off") \
    X(UdpBadLength,          "UDP length below 8 or past the packet") \
    X(UdpBadChecksum,        "UDP checksum wrong") \
    X(UdpBadPort,            "UDP destination port 0") \
    X(UdpNoPort,             "no socket on this UDP port") \
    X(UdpQueueFull,          "UDP socket's receive queue is full") \
    X(TcpTooShort,           "TCP header cut off") \
    X(TcpBadOffset,          "TCP data offset below 5 or past the segment") \
    X(TcpBadChecksum,        "TCP checksum wrong") \
    X(TcpBadOption,          "TCP option with an illegal length") \
    X(TcpBadPort,            "TCP port 0") \
    X(TcpBadAddress,         "TCP segment from or to a broadcast, multicast or own address") \
    X(TcpNoConnection,       "no connection and no listener: answered by RST") \
    X(TcpStrayReset,         "RST for a connection that does not exist") \
    X(TcpListenReset,        "RST to a listener") \
    X(TcpListenAck,          "ACK to a listener: answered by RST") \
    X(TcpListenNoSyn,        "segment without SYN to a listener") \
    X(TcpSynFin,             "SYN together with FIN") \
    X(TcpSynQueueFull,       "SYN queue full, and no cookie may answer") \
    X(TcpAcceptQueueFull,    "accept queue full") \
    X(TcpBadCookie,          "ACK with a SYN cookie that is forged or stale") \
    X(TcpSynSentBadAck,      "SYN-SENT: acknowledgement of something never sent") \
    X(TcpSynSentReset,       "SYN-SENT: RST without an acceptable ACK") \
    X(TcpSynSentNoSyn,       "SYN-SENT: neither SYN nor RST") \
    X(TcpOutOfWindow,        "segment outside the receive window") \
    X(TcpPaws,               "timestamp older than the last one: an old duplicate (PAWS)") \
    X(TcpResetOutOfWindow,   "RST outside the receive window") \
    X(TcpResetChallenged,    "RST inside the window but not at RCV.NXT: challenged (RFC 5961)") \
    X(TcpSynChallenged,      "SYN on a connection that has one: challenged (RFC 5961)") \
    X(TcpNoAck,              "segment without ACK on a connection") \
    X(TcpAckTooOld,          "acknowledgement older than the peer's widest window (RFC 5961)") \
    X(TcpAckUnsent,          "acknowledgement of data not sent yet") \
    X(TcpEmbryoBadAck,       "SYN-RECEIVED: unacceptable acknowledgement, answered by RST") \
    X(TcpMixedEcn,           "SYN that asks for another ECN than the one before: answered by RST") \
    X(TcpReassemblyFull,     "out-of-order data above its limit") \
    X(TcpReceiveFull,        "data beyond the receive buffer") \
    X(TcpAfterFin,           "data behind the peer's FIN") \
    X(TcpAfterClose,         "data for a closed application: answered by RST") \
    X(TcpTimeWaitReset,      "RST in TIME-WAIT that answers no challenge is ignored (RFC 1337)") \
    X(TcpTimeWaitOld,        "old duplicate in TIME-WAIT") \
    X(OutNoRoute,            "no route to the destination") \
    X(OutTooBig,             "packet larger than the link's MTU") \
    X(OutQueueFull,          "interface's send queue is full") \
    X(NeighborQueueFull,     "neighbour's waiting room is full: the oldest packet left") \
    X(NeighborCacheFull,     "neighbour cache is full") \
    X(WaitingShareFull,      "what waits for neighbours fills its share of memory: one left") \
    X(NeighborUnreachable,   "neighbour did not answer") \
    X(MemoryCeiling,         "the stack's memory ceiling was reached")
// clang-format on

// Why a packet was dropped.
enum class DropReason : u8 {
    None = 0,
#define TERN_X(name, text) name,
    TERN_DROP_REASONS(TERN_X)
#undef TERN_X
};

inline constexpr u32 k_drop_reason_count = 1
#define TERN_X(name, text) +1
    TERN_DROP_REASONS(TERN_X)
#undef TERN_X
    ;

// As the enumerator is written.
constexpr std::string_view name_of(DropReason r) {
    switch (r) {
        case DropReason::None: return "None";
#define TERN_X(name, text) \
    case DropReason::name: return #name;
            TERN_DROP_REASONS(TERN_X)
#undef TERN_X
    }
    return "?";
}

// The sentence beside it.
constexpr std::string_view text_of(DropReason r) {
    switch (r) {
        case DropReason::None: return "not dropped";
#define TERN_X(name, text) \
    case DropReason::name: return text;
            TERN_DROP_REASONS(TERN_X)
#undef TERN_X
    }
    return "?";
}

}  // namespace tern
