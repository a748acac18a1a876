#!/usr/bin/env python3
"""Ping, UDP and ARP between tern and the kernel."""
import errno
import struct
import sys
import time

from lib_tern import *

k_refused = "connection refused by the peer"


def udp(timeout=3, **options):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(timeout)
    if options.get("broadcast"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    return sock


@test("RFC1122:12")
def ping_from_the_kernel():
    with World() as world:
        capture, peer = world.capture(), world.peer(offloads=0)
        for size in ("0", "1", "56", "1472"):
            said = run("ping", "-c", "3", "-i", "0.05", "-W", "2", "-s", size, "-p", "a5c3", k_tern)
            check("3 received" in said and "wrong data" not in said, said)
        peer.quit()
        capture.clean(at_least=12)


@test("RFC1122:12", "RFC1122:9")
def ping_to_the_broadcast_address():
    with World() as world:
        peer = world.peer()
        said = run("ping", "-b", "-c", "1", "-W", "1", "10.0.0.255", ok=False)
        check("0 received" in said, said)
        check(peer.quit()["drops"].get("IcmpBroadcastEcho", 0) >= 1, "not counted")


@test("RFC1122:12")
def ping_from_tern():
    with World() as world:
        capture, peer = world.capture(), world.peer(offloads=0)
        for sequence, size in ((1, 0), (2, 56), (3, 1472)):
            got = peer.tell("ping", to=k_kernel, sequence=sequence, bytes=size)
            check_equal((got["from"], got["sequence"], got["same"]), (k_kernel, sequence, True),
                        "the answer")
        peer.quit()
        capture.clean(at_least=3)


@test("RFC768:1", "RFC1122:16")
def datagrams_to_tern_and_back():
    with World() as world:
        capture, peer = world.capture(), world.peer(offloads=0)
        peer.tell("udp-open", port=7, echo=1)
        with udp() as sock:
            for size in (0, 1, 2, 100, 1471, 1472):
                data = os.urandom(size)
                sock.sendto(data, (k_tern, 7))
                check_equal(sock.recvfrom(2000), (data, (k_tern, 7)), f"{size} bytes")
            sock.setsockopt(socket.SOL_SOCKET, 11, 1)  # SO_NO_CHECK: a checksum of zero
            sock.sendto(b"unchecked", (k_tern, 7))
            check_equal(sock.recv(100), b"unchecked", "without a checksum")
        peer.quit()
        rows = capture.read("udp.srcport != 7", "udp.checksum")
        check("0x0000" in [row[0] for row in rows], "the kernel sent a checksum all the same")
        capture.clean(at_least=7)


@test("RFC768:1", "RFC1122:18")
def datagrams_from_tern():
    with World() as world:
        capture, peer = world.capture(), world.peer(offloads=0)
        with udp() as sock:
            sock.bind((k_kernel, 0))
            port = sock.getsockname()[1]
            opened = peer.tell("udp-open")
            for size in (0, 1, 1472):
                peer.tell("udp-send", opened["id"], to=f"{k_kernel}:{port}", bytes=size)
                data, source = sock.recvfrom(2000)
                check_equal((data, source), (b"u" * size, (k_tern, opened["port"])), "arrived")
            refused = peer.ask("udp-send", opened["id"], to=f"{k_kernel}:{port}", bytes=1473)
            check_equal(refused["error"], "the datagram is too long for the path", "too long")
            sock.sendto(b"answer", (k_tern, opened["port"]))
            got = peer.tell("udp-recv", opened["id"])
            check_equal((got["text"], got["from"], got["to"]),
                        ("answer", f"{k_kernel}:{port}", k_tern), "the answer")
        peer.quit()
        capture.clean(at_least=3)


@test("RFC1122:18")
def broadcast_both_ways():
    with World() as world:
        capture, peer = world.capture(), world.peer(offloads=0)
        opened = peer.tell("udp-open", port=9999, broadcast=1)
        with udp(broadcast=True) as sock:
            sock.bind(("", 9999))
            for address in ("10.0.0.255", "255.255.255.255"):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"tap0")
                sock.sendto(b"to-all", (address, 9999))
                got = peer.tell("udp-recv", opened["id"])
                check_equal((got["text"], got["to"]), ("to-all", address), "at tern")
                peer.tell("udp-send", opened["id"], to=f"{address}:9999", text="from-tern")
                while (got := sock.recvfrom(100))[0] != b"from-tern":
                    pass
                check_equal(got[1], (k_tern, 9999), "at the kernel")
        quiet = peer.tell("udp-open")
        refused = peer.ask("udp-send", quiet["id"], to="10.0.0.255:9999", text="x")
        check(not refused["ok"], "broadcast without having asked for it")
        peer.quit()
        rows = capture.read(f"udp and ip.src == {k_tern}", "eth.dst")
        check_equal({row[0] for row in rows}, {"ff:ff:ff:ff:ff:ff"}, "hardware address")
        capture.clean(at_least=2)


@test("RFC1122:11", "RFC1122:19", "RFC1122:10")
def port_of_tern_is_unreachable():
    with World() as world:
        capture, peer = world.capture(), world.peer(offloads=0)
        with udp() as sock:
            sock.connect((k_tern, 4242))
            sock.send(b"anybody?" * 20)
            try:
                sock.recv(100)
                raise Failure("the kernel was told nothing")
            except ConnectionRefusedError:
                pass
        with udp(timeout=0.5, broadcast=True) as sock:  # but never about a broadcast
            sock.sendto(b"anybody?", ("10.0.0.255", 4242))
            # Another datagram behind it: when that was answered, the first one was not.
            sock.sendto(b"anybody?", (k_tern, 4243))
            wait_until(lambda: peer.tell("counters")["icmp_out"] >= 2, 5, "the second error")
        check_equal(peer.quit()["icmp_out"], 2, "ICMP errors of tern")
        capture.clean()


@test("RFC1122:17", "RFC1122:11")
def port_of_the_kernel_is_unreachable():
    with World() as world:
        peer = world.peer()
        opened = peer.tell("udp-open", remote=f"{k_kernel}:4242")
        peer.tell("udp-send", opened["id"], text="anybody?")
        got = peer.ask("udp-recv", opened["id"])
        check_equal(got.get("error"), k_refused, "receive()")
        peer.tell("udp-send", opened["id"], text="again?")  # told once
        wait_until(lambda: peer.tell("counters")["icmp_in"] >= 2, 5, "the second ICMP error")
        refused = peer.ask("udp-send", opened["id"], text="and-now?")
        check_equal(refused.get("error"), k_refused, "send()")
        peer.quit()


@test("RFC826:1")
def arp_is_answered():
    with World() as world:
        peer = world.peer()
        said = run("arping", "-c", "2", "-w", "3", "-I", "tap0", k_tern)
        check("2 response" in said, said)
        check("0 response" in run("arping", "-c", "1", "-w", "1", "-I", "tap0", "10.0.0.3",
                                  ok=False), "an answer for somebody else's address")
        peer.quit()


@test("RFC5227:4")
def kernel_detects_that_tern_has_the_address():
    with World() as world:
        peer = world.peer()
        done = subprocess.run(["arping", "-D", "-c", "2", "-w", "3", "-I", "tap0", k_tern],
                              stdout=subprocess.PIPE, text=True, timeout=10 * k_patience)
        check_equal(done.returncode, 1, f"arping -D: {done.stdout}")
        free = subprocess.run(["arping", "-D", "-c", "1", "-w", "1", "-I", "tap0", "10.0.0.3"],
                              stdout=subprocess.PIPE, text=True, timeout=10 * k_patience)
        check_equal(free.returncode, 0, f"arping -D of a free address: {free.stdout}")
        peer.quit()


def forged_announcement(address, times, gap):
    """Another station claims tern's address."""
    mac = b"\x02\x99\0\0\0\x01"
    ip = socket.inet_aton(address)
    arp = struct.pack("!HHBBH6s4s6s4s", 1, 0x800, 6, 4, 1, mac, ip, bytes(6), ip)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind(("tap0", 0))
        for _ in range(times):
            raw.send(b"\xff" * 6 + mac + b"\x08\x06" + arp + bytes(18))
            time.sleep(gap)


@test("RFC5227:4")
def tern_defends_its_address():
    with World() as world:
        capture, peer = world.capture("arp"), world.peer(offloads=0)
        forged_announcement(k_tern, 1, 0.3)
        defence = ("arp.opcode == 1 and arp.src.proto_ipv4 == 10.0.0.2 and "
                   "arp.dst.proto_ipv4 == 10.0.0.2 and eth.src != 02:99:00:00:00:01")
        forged_announcement(k_tern, 1, 0.3)  # once in ten seconds is enough
        peer.quit()
        check_equal(len(capture.read(defence, "frame.number")), 1, "announcements in defence")


@test("RFC5227:1", "RFC5227:2", "RFC5227:3", seconds=40)
def tern_probes_before_it_uses_an_address():
    with World() as world:
        run("ip", "addr", "add", "10.0.0.50/24", "dev", "tap0")
        capture, peer = world.capture("arp"), world.peer(offloads=0)
        peer.tell("add-address", address="10.0.0.50/24", probe=1)
        told = peer.tell("wait-address", timeout=12)["told"]
        check(told != "no error", "the kernel has this address, and tern did not notice")
        peer.tell("add-address", address="10.0.0.60/24", probe=1)
        check_equal(peer.tell("wait-address", timeout=12)["told"], "no error", "a free address")
        run("ping", "-c", "1", "-W", "2", "10.0.0.60")
        time.sleep(2.5)
        peer.quit()
        rows = [(float(at), source) for at, source in
                capture.read("arp.opcode == 1 and arp.dst.proto_ipv4 == 10.0.0.60 and "
                             "not arp.src.proto_ipv4 == 10.0.0.1",
                             "frame.time_epoch", "arp.src.proto_ipv4")]
        probes = [at for at, source in rows if source == "0.0.0.0"]
        announced = [at for at, source in rows if source == "10.0.0.60"]
        gaps = [b - a for a, b in zip(probes, probes[1:])]
        check(len(probes) == 3 and all(0.95 < gap < 2.1 for gap in gaps), f"probes: {gaps}")
        check(len(announced) == 2 and 1.9 < announced[1] - announced[0] < 2.2,
              f"announcements at {announced}")
        check(1.9 < announced[0] - probes[-1] < 2.3, "the wait before the first announcement")


if __name__ == "__main__":
    sys.exit(main())
