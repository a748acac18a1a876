#!/usr/bin/env python3
"""ECN against the kernel: who agrees to what, and marks both ways (RFC 3168, RFC 9768)."""
import re
import sys
import threading

from lib_tern import *

# Above 20 packets in the queue of 40 Mbit/s a packet that may be marked is.
k_marking = "rate=40000000,delay=5,queue=1000,mark=20"
k_some = 8_000_000


def kernel_counts():
    """What this namespace's kernel has counted: packets with CE in, and told by the peer."""
    text = run("nstat", "-asz", "IpExtInCEPkts", "IpExtInECT0Pkts", "TcpExtTCPDeliveredCE")
    return {name: int(re.search(rf"{name}\s+(\d+)", text).group(1))
            for name in ("IpExtInCEPkts", "IpExtInECT0Pkts", "TcpExtTCPDeliveredCE")}


def agreed(kernel, ours):
    """What tern's two ends say: of the connection that tern opened, and of the kernel's."""
    with World(sysctl={"net.ipv4.tcp_ecn": kernel}) as world:
        peer = world.peer()
        listener = peer.tell("listen", service="hold", ecn=ours)
        sock = connect(listener["port"])
        passive = peer.tell("status", peer.accept(listener["id"]))
        active = listen()
        port = active.getsockname()[1]
        connection = peer.tell("connect", to=f"{k_kernel}:{port}", ecn=ours)["id"]
        peer.tell("wait", connection, **{"for": "connected"})
        opened = peer.tell("status", connection)
        for each in (sock, active):
            each.close()
        peer.quit()
        return opened["ecn"], passive["ecn"]


@test("RFC3168:1", "RFC9293:SHLD-8")
def who_agrees_to_classic_ecn():
    # The kernel: 0 never, 1 asks, 2 answers. Ours in the first place, the kernel's in the second.
    for kernel, ours, expected in ((0, "classic", ("off", "off")),
                                   (1, "accept", ("off", "classic")),
                                   (1, "off", ("off", "off")), (2, "accept", ("off", "off")),
                                   (2, "classic", ("classic", "off")),
                                   (1, "classic", ("classic", "classic"))):
        check_equal(agreed(kernel, ours), expected, f"tcp_ecn={kernel}, ours {ours}")


@test("RFC9768:1")
def the_kernel_that_knows_only_classic_gets_that():
    check_equal(agreed(1, "accurate"), ("classic", "classic"), "tcp_ecn=1")
    check_equal(agreed(0, "accurate"), ("off", "off"), "tcp_ecn=0")


def marked_both_ways(kernel, ours, expected):
    with World(sysctl={"net.ipv4.tcp_ecn": kernel}) as world:
        peer = world.peer(out=k_marking, **{"in": k_marking})
        listener = peer.tell("listen", service="source", bytes=k_some, ecn=ours)
        sock = connect(listener["port"], timeout=40)
        connection = peer.accept(listener["id"], timeout=40)
        check_equal(peer.tell("status", connection)["ecn"], expected, "agreed")
        sent = Stream(k_some)
        sender = threading.Thread(
            target=lambda: (sent.send_all(sock), sock.shutdown(socket.SHUT_WR)))
        sender.start()
        got = receive_all(sock)
        sender.join(timeout=40 * k_patience)
        done = peer.tell("wait", connection, timeout=40)
        sock.close()
        counts, counters = kernel_counts(), peer.tell("counters")
        peer.quit()
        print(f"# kernel {counts}, tern: {counters['marks_in']} marks in, "
              f"{counters['mark_reductions']} reductions, "
              f"{counters['retransmissions']} retransmissions")
        check_equal(got, (k_some, done["sent_sha"]), "from tern")
        check_equal((done["received"], done["received_sha"]), (k_some, sent.hash.hexdigest()),
                    "to tern")
        check(counts["IpExtInECT0Pkts"] > 0, "tern sent nothing that may be marked")
        check(counts["IpExtInCEPkts"] > 0, "nothing of tern's was marked")
        check(counters["mark_reductions"] > 0, "tern did not hear of its marks")
        check(counters["marks_in"] > 0, "nothing of the kernel's was marked")
        check(counts["TcpExtTCPDeliveredCE"] > 0, "the kernel did not hear of its marks")
        check_equal(counters["retransmissions"], 0, "sent again by tern")


@test("RFC3168:3", "RFC9293:SHLD-8", seconds=60)
def marks_both_ways():
    marked_both_ways(1, "accept", "classic")


def kernel_knows_accurate():
    with World() as world:
        try:
            world.set("net.ipv4.tcp_ecn", 3)
        except OSError:
            return False
        return True


@test(seconds=60)
def accurate_marks_both_ways_where_the_kernel_can():
    if not kernel_knows_accurate():
        return "this kernel refuses net.ipv4.tcp_ecn=3"
    check_equal(agreed(3, "accurate"), ("accurate", "accurate"), "tcp_ecn=3")
    marked_both_ways(3, "accept", "accurate")
    return None


if __name__ == "__main__":
    sys.exit(main())
