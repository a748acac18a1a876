#!/usr/bin/env python3
"""What goes wrong is told: refused, timed out, unreachable; and what is forged is not believed."""
import struct
import sys
import time

from lib_tern import *

k_far = "10.9.9.9"
k_late = "the peer has not acknowledged in time"
k_refused = "connection refused by the peer"


def router(gateway=k_kernel):
    """The kernel forwards for tern: what is behind it can be made unreachable."""
    return {"sysctl": {"net.ipv4.ip_forward": 1}}, {"gateway": gateway}


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def icmp_unreachable(code, source, destination, ports, sequence):
    """Destination Unreachable to tern, as if a router had seen tern's segment."""
    quoted = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 60, 0, 0x4000, 63, 6, 0,
                         socket.inet_aton(source), socket.inet_aton(destination))
    quoted = quoted[:10] + struct.pack("!H", checksum(quoted)) + quoted[12:]
    quoted += struct.pack("!HHI", *ports, sequence)
    header = struct.pack("!BBHI", 3, code, 0, 0)
    header = struct.pack("!BBHI", 3, code, checksum(header + quoted), 0)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        raw.sendto(header + quoted, (k_tern, 0))


class Sniffer:
    """TCP segments from tern, as the kernel's end of the TAP sees them."""

    def __init__(self, interface="tap0"):
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        self.sock.bind((interface, 0))
        self.sock.settimeout(5 * k_patience)

    def next(self, source=k_tern):
        """(source port, destination port, sequence number, acknowledgement, flags)."""
        while True:
            frame = self.sock.recv(2000)
            if frame[14 + 9] == 6 and frame[26:30] == socket.inet_aton(source):
                tcp = 14 + (frame[14] & 15) * 4
                return struct.unpack("!HHIIBB", frame[tcp:tcp + 14])[:4] + (frame[tcp + 13],)

    def close(self):
        self.sock.close()


@test("RFC9293:U-4", "RFC9293:MUST-12")
def refused_by_the_kernel():
    with World() as world:
        peer = world.peer()
        connection = peer.tell("connect", to=f"{k_kernel}:9")["id"]
        closed = peer.tell("wait", connection, **{"for": "closed"})
        check_equal(closed["error"], k_refused, "connect()")
        peer.quit()


@test("RFC9293:U-2")
def refused_by_tern():
    with World() as world:
        capture, peer = world.capture(), world.peer(offloads=0)
        try:
            connect(9)
            raise Failure("the kernel was not refused")
        except ConnectionRefusedError:
            pass
        peer.quit()
        capture.clean()


@test("RFC9293:MUST-20", "RFC9293:MUST-21", "RFC9293:U-18")
def kernel_is_a_black_hole():
    with World() as world:
        peer = world.peer(impair=1)
        listener = peer.tell("listen", service="hold", user_timeout=1500)
        sock = connect(listener["port"])
        connection = peer.accept(listener["id"])
        peer.tell("impair", **{"in": "loss=1"})
        start = time.monotonic()
        peer.tell("send", connection, bytes=5000)
        closed = peer.tell("wait", connection, **{"for": "closed"})
        seconds = time.monotonic() - start
        check_equal(closed["error"], k_late, "the event")
        print(f"# told after {seconds:.2f} s instead of 1.5")
        check(seconds > 1.4, f"told after {seconds:.2f} s instead of 1.5")
        check_equal(peer.ask("send", connection, text="x")["error"], k_late, "send()")
        sock.close()
        peer.quit()


@test("RFC9293:SHLD-9", "RFC9293:MUST-22", "RFC9293:MUST-47")
def nobody_answers_the_syn():
    """The kernel forwards the SYN into nowhere; R1 is told on the way to R2."""
    world_options, host = router()
    with World(**world_options) as world:
        run("ip", "route", "add", "blackhole", f"{k_far}/32")
        peer = world.peer(**host)
        connection = peer.tell("connect", to=f"{k_far}:80", user_timeout=9000)["id"]
        soft = peer.tell("wait", connection, timeout=12, **{"for": "soft_error"})
        check_equal(soft["soft_error"], k_late, "R1")
        closed = peer.tell("wait", connection, timeout=12, **{"for": "closed"})
        check_equal(closed["error"], k_late, "R2")
        peer.quit()


@test("RFC9293:U-18")
def tern_is_a_black_hole():
    with World() as world:
        peer = world.peer(impair=1)
        listener = peer.tell("listen", service="hold")
        sock = connect(listener["port"])
        peer.accept(listener["id"])
        peer.tell("impair", out="loss=1", **{"in": "loss=1"})
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1500)
        sock.sendall(b"anybody?")
        try:
            sock.recv(1)
            raise Failure("the kernel did not give up")
        except TimeoutError as error:
            check("110" in str(error) or error.errno == 110, f"{error}")
        sock.close()


@test("RFC9293:MUST-54", "RFC9293:SHLD-26", "RFC5927:1")
def icmp_port_unreachable_refuses():
    world_options, host = router()
    with World(**world_options) as world:
        run("ip", "route", "add", "blackhole", f"{k_far}/32")
        sniffer = Sniffer()
        peer = world.peer(**host)
        connection = peer.tell("connect", to=f"{k_far}:80", user_timeout=8000)["id"]
        source, destination, sequence, _, flags = sniffer.next()
        check_equal(flags & 0x3f, 2, "flags of the SYN")
        # What quotes a sequence number that was never sent is forged.
        icmp_unreachable(3, k_tern, k_far, (source, destination), (sequence + 1000) % 2**32)
        icmp_unreachable(3, k_tern, k_far, (source, destination + 1), sequence)
        wait_until(lambda: peer.tell("counters")["icmp_in"] >= 2, 5, "both forged errors came")
        check_equal(peer.tell("status", connection)["state"], "SYN-SENT", "after forged errors")
        icmp_unreachable(3, k_tern, k_far, (source, destination), sequence)
        closed = peer.tell("wait", connection, **{"for": "closed"})
        check_equal(closed["error"], k_refused, "connect()")
        drops = peer.quit()["drops"]
        check_equal((drops.get("IcmpNotInFlight"), drops.get("IcmpNoFlow")), (1, 1), "drops")
        sniffer.close()


@test("RFC9293:MUST-56", "RFC9293:SHLD-25", "RFC9293:MUST-47", "RFC9293:U-14")
def host_unreachable_is_a_hint():
    """The kernel itself says so, as a router; the connection goes on trying."""
    world_options, host = router()
    with World(**world_options) as world:
        run("ip", "route", "add", "unreachable", f"{k_far}/32")
        peer = world.peer(**host)
        connection = peer.tell("connect", to=f"{k_far}:80", user_timeout=9000)["id"]
        soft = peer.tell("wait", connection, **{"for": "soft_error"})
        check_equal(soft["soft_error"], "the host does not answer", "the hint")
        check_equal(peer.tell("status", connection)["state"], "SYN-SENT", "state")
        # It goes on: once there is a way, the connection opens.
        run("ip", "route", "del", "unreachable", f"{k_far}/32")
        run("ip", "addr", "add", f"{k_far}/32", "dev", "lo")
        listener = socket.create_server((k_far, 80))
        peer.tell("wait", connection, **{"for": "connected"})
        listener.close()
        peer.quit()


@test("RFC5927:1", "RFC9293:MUST-56")
def icmp_does_not_end_what_is_established():
    with World() as world:
        peer, sniffer = world.peer(), Sniffer()
        listener = peer.tell("listen", service="hold")
        sock = connect(listener["port"])
        connection = peer.accept(listener["id"])
        sock.settimeout(5 * k_patience)
        peer.tell("send", connection, bytes=100)
        while True:
            source, destination, sequence, _, flags = sniffer.next()
            if flags & 8:
                break
        for code in (0, 1, 2, 3, 5, 13):
            icmp_unreachable(code, k_tern, k_kernel, (source, destination), sequence)
        sock.sendall(b"still here")
        check_equal(peer.tell("recv", connection, bytes=10)["text"], "still here", "to tern")
        sniffer.close()
        sock.close()


@test("RFC1122:20", "RFC1122:21")
def no_neighbour_answers():
    with World() as world:
        capture, peer = world.capture("arp"), world.peer(offloads=0)
        connection = peer.tell("connect", to="10.0.0.77:80", user_timeout=6000)["id"]
        closed = peer.tell("wait", connection, **{"for": "closed"})
        check_equal(closed["error"], "the host does not answer", "connect()")
        peer.quit()
        requests = capture.read("arp.dst.proto_ipv4 == 10.0.0.77", "frame.time_epoch")
        times = [float(row[0]) for row in requests]
        gaps = [b - a for a, b in zip(times, times[1:])]
        check(len(times) >= 2 and min(gaps) > 0.9, f"requests more often than each second: {gaps}")


@test("RFC1122:21")
def first_syn_waits_for_arp():
    with World() as world:
        peer = world.peer()
        listener = listen()
        peer.tell("connect", to=f"{k_kernel}:{listener.getsockname()[1]}")
        sock, _ = accept(listener)
        check_equal(peer.tell("counters")["retransmissions"], 0, "SYNs sent again")
        sock.close()
        listener.close()
        peer.quit()


if __name__ == "__main__":
    sys.exit(main())
