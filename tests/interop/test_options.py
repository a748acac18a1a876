#!/usr/bin/env python3
"""TCP options missing on either side, MTUs, VLANs."""
import struct
import sys
import threading

from lib_tern import *

k_kinds = {"timestamps": "net.ipv4.tcp_timestamps", "window_scale": "net.ipv4.tcp_window_scaling",
           "sack": "net.ipv4.tcp_sack"}


def exchange(peer, total, host=k_tern, kernel=k_kernel, **options):
    """So many bytes both ways at once over one connection; what tern says of it."""
    listener = peer.tell("listen", service="hold", **options)
    sock = connect(listener["port"], host=host)
    connection = peer.accept(listener["id"])
    del kernel
    sent = Stream(total)
    sender = threading.Thread(target=lambda: (sent.send_all(sock), sock.shutdown(socket.SHUT_WR)))
    sender.start()
    peer.tell("serve", connection, service="source", bytes=total)
    got = receive_all(sock)
    sender.join(timeout=20 * k_patience)
    done = peer.tell("wait", connection)
    check_equal(got, (total, done["sent_sha"]), "from tern")
    check_equal((done["received"], done["received_sha"]), (total, sent.hash.hexdigest()),
                "to tern")
    check_equal(done["error"], "no error", "tern's end")
    sock.close()


def negotiated(peer, **options):
    listener = peer.tell("listen", service="hold", **options)
    sock = connect(listener["port"])
    status = peer.tell("status", peer.accept(listener["id"]))
    active = listen()
    connection = peer.tell("connect", to=f"{k_kernel}:{active.getsockname()[1]}", **options)["id"]
    peer.tell("wait", connection, **{"for": "connected"})
    other = peer.tell("status", connection)
    for each in (sock, active):
        each.close()
    passive = tuple(status[name] for name in k_kinds)
    check_equal(tuple(other[name] for name in k_kinds), passive, "active against passive open")
    return passive


def without(kinds, at_kernel):
    off = {k_kinds[kind]: 0 for kind in kinds} if at_kernel else {}
    options = {} if at_kernel else {kind: 0 for kind in kinds}
    with World(sysctl=off) as world:
        capture, peer = world.capture(), world.peer(offloads=0)
        expected = tuple(kind not in kinds for kind in k_kinds)
        check_equal(negotiated(peer, **options), expected, "timestamps, window scale, SACK")
        exchange(peer, 5_000_000, **options)
        peer.quit()
        present = capture.read(f"ip.src == {k_tern} and tcp.flags.reset == 0", "tcp.flags.syn",
                               "tcp.options.timestamp.tsval",
                               "tcp.options.wscale.shift", "tcp.options.sack_perm",
                               "tcp.options.mss_val")
        for syn, tsval, wscale, sack, mss in present:
            check(mss == "" or syn == "1", "MSS without SYN")
            check(wscale == "" or syn == "1", "window scale without SYN")
            check(sack == "" or syn == "1", "SACK permitted without SYN")
            check(syn == "1" or (tsval != "") == ("timestamps" not in kinds),
                  "timestamps in every segment once they are agreed upon, otherwise in none")
        capture.clean()


@test("RFC9293:MUST-14", "RFC9293:MUST-65", "RFC7323:1", "RFC2018:1")
def all_options():
    without((), at_kernel=True)


@test("RFC7323:4", "RFC7323:3")
def kernel_without_timestamps():
    without(("timestamps",), at_kernel=True)


@test("RFC7323:1")
def kernel_without_window_scale():
    without(("window_scale",), at_kernel=True)


@test("RFC2018:1")
def kernel_without_sack():
    without(("sack",), at_kernel=True)


@test("RFC7323:1", "RFC2018:1")
def kernel_without_any():
    without(tuple(k_kinds), at_kernel=True)


@test()
def tern_without_timestamps():
    without(("timestamps",), at_kernel=False)


@test()
def tern_without_window_scale():
    without(("window_scale",), at_kernel=False)


@test()
def tern_without_any():
    without(tuple(k_kinds), at_kernel=False)


def with_mtu(mtu):
    with World(mtu=mtu) as world:
        capture, peer = world.capture(), world.peer(offloads=0)
        exchange(peer, 3_000_000)
        peer.quit()
        sizes = [(int(r[0]), r[1], r[2]) for r in
                 capture.read(f"ip.src == {k_tern}", "ip.len", "tcp.flags.syn",
                              "tcp.options.mss_val")]
        check_equal(max(size for size, _, _ in sizes), mtu, "the longest packet of tern")
        check_equal({mss for _, syn, mss in sizes if syn == "1"}, {str(mtu - 40)}, "MSS")
        capture.clean()
        peer = world.peer()  # and with segmentation offload
        exchange(peer, 3_000_000)
        peer.quit()


@test("RFC9293:MUST-16", "RFC9293:MUST-67", "RFC9293:SHLD-28")
def mtu_576():
    with_mtu(576)


@test("RFC9293:MUST-67", "RFC9293:SHLD-28")
def mtu_1280():
    with_mtu(1280)


@test("RFC9293:MUST-67", "RFC9293:SHLD-28")
def mtu_1500():
    with_mtu(1500)


@test("RFC9293:MUST-67", "RFC9293:SHLD-28")
def mtu_9000():
    with_mtu(9000)


@test("RFC9293:MUST-16", "RFC9293:MUST-14")
def mss_of_the_kernel_is_kept():
    """TCP_MAXSEG at the kernel: tern sends nothing longer."""
    with World() as world:
        capture, peer = world.capture(), world.peer(offloads=0)
        listener = peer.tell("listen", service="source", bytes=200_000)
        small = lambda sock: sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 700)
        sock = connect(listener["port"], before=small)
        check_equal(receive_all(sock)[0], 200_000, "bytes")
        sock.close()
        peer.quit()
        rows = capture.read(f"ip.src == {k_tern} and tcp.len > 0", "tcp.len", "tcp.hdr_len")
        longest = max(int(length) + int(header) - 20 for length, header in rows)
        check_equal(longest, 700, "the longest text with its options")
        capture.clean()


# VLAN --------------------------------------------------------------------------------------------

k_vlan = 7


class Untagger(threading.Thread):
    """Joins tern's TAP (tagged) and a TAP of the kernel's own (plain), where the kernel has no
    VLAN devices. The kernel parses the tags of what tern sends and hands them over beside it."""

    def __init__(self, tagged, plain):
        super().__init__(daemon=True)
        self.tap = os.open("/dev/net/tun", os.O_RDWR)
        tunsetiff, iff_tap, iff_no_pi = 0x400454ca, 2, 0x1000
        import fcntl
        fcntl.ioctl(self.tap, tunsetiff, struct.pack("16sH22x", plain.encode(),
                                                     iff_tap | iff_no_pi))
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.sock.bind((tagged, 0))
        packet_auxdata, sol_packet, packet_ignore_outgoing = 8, 263, 23
        self.sock.setsockopt(sol_packet, packet_auxdata, 1)
        self.sock.setsockopt(sol_packet, packet_ignore_outgoing, 1)
        self.going, self.tags, self.untagged = True, 0, 0

    def run(self):
        while self.going:
            ready = select.select([self.tap, self.sock], [], [], 0.1)[0]
            if self.sock in ready:
                frame, extra, _, _ = self.sock.recvmsg(20000, 200)
                tci = self.tag_of(extra)
                if tci is None or tci & 0xfff != k_vlan:
                    self.untagged += 1
                    continue
                self.tags += 1
                os.write(self.tap, frame)
            if self.tap in ready:
                frame = os.read(self.tap, 20000)
                self.sock.send(frame[:12] + struct.pack("!HH", 0x8100, k_vlan) + frame[12:])

    @staticmethod
    def tag_of(extra):
        for level, kind, data in extra:
            if (level, kind) == (263, 8):
                status, _, _, _, _, tci, _ = struct.unpack("IIIHHHH", data[:20])
                return tci if status & 0x10 else None  # TP_STATUS_VLAN_VALID
        return None

    def close(self):
        self.going = False
        if self.is_alive():
            self.join(timeout=5 * k_patience)
        self.sock.close()
        os.close(self.tap)


@test(seconds=60)
def vlan():
    """By the kernel's own VLAN device, or, where it has none, by frames that the test unpacks."""
    with World() as world:
        run("ip", "addr", "flush", "dev", "tap0")
        added = subprocess.run(["ip", "link", "add", "link", "tap0", "name", "plain0", "type",
                                "vlan", "id", str(k_vlan)], stderr=subprocess.DEVNULL,
                               timeout=10 * k_patience)
        untagger = None
        if added.returncode != 0:
            print("# this kernel has no VLAN devices")
            untagger = Untagger("tap0", "plain0")
            world.closers.append(untagger.close)
            untagger.start()
        run("ip", "addr", "add", f"{k_kernel}/24", "dev", "plain0")
        run("ip", "link", "set", "plain0", "up")
        capture, peer = world.capture(), world.peer(offloads=0, vnet=0, vlan=k_vlan)
        run("ping", "-c", "1", "-W", "5", k_tern)
        exchange(peer, 1_000_000)
        drops = peer.quit()["drops"]
        check_equal(drops, {}, "drops")
        ids = {row[0] for row in capture.read(f"ip.src == {k_tern} or arp", "vlan.id")}
        check_equal(ids, {str(k_vlan)}, "VLANs in the capture")
        if untagger:
            check_equal(untagger.untagged, 0, "frames of tern without our tag")
            check(untagger.tags > 500, f"{untagger.tags} tagged frames")
        capture.clean()


@test(seconds=30)
def other_vlans_are_not_ours():
    with World() as world:
        peer = world.peer(offloads=0, vnet=0, vlan=k_vlan)
        # Plain frames of the kernel: an ARP request that tern must not answer.
        check("0 received" in run("ping", "-c", "1", "-W", "1", k_tern, ok=False),
              "an answer to an untagged frame")
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as raw:
            raw.bind(("tap0", 0))
            raw.send(b"\xff" * 6 + b"\x02\0\0\0\0\x09" + struct.pack("!HHH", 0x8100, 8, 0x0806)
                     + bytes(46))
            time.sleep(0.2)
        drops = peer.quit()["drops"]
        check(drops.get("VlanNotOurs", 0) >= 2, f"drops: {drops}")


if __name__ == "__main__":
    sys.exit(main())
