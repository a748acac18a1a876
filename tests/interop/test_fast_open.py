#!/usr/bin/env python3
"""TCP Fast Open (RFC 7413), the kernel as client and as server."""
import sys

from lib_tern import *

k_msg_fastopen, k_tcp_fastopen = 0x20000000, 23
k_sysctl = {"net.ipv4.tcp_fastopen": 3, "net.ipv4.tcp_fastopen_blackhole_timeout_sec": 0}


def kernel_sends(port, text):
    """A socket whose first bytes may travel in SYN."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # Without a cookie the call waits for the handshake.
    check_equal(sock.sendto(text, k_msg_fastopen, (k_tern, port)), len(text), "sent")
    sock.settimeout(10 * k_patience)
    return sock


def syns(capture, source):
    """(bytes of text, cookie) of each SYN of this side, without ACK."""
    rows = capture.read(f"ip.src == {source} and tcp.flags.syn == 1 and tcp.flags.ack == 0",
                        "tcp.len", "tcp.options.tfo.cookie")
    return [(int(length), cookie) for length, cookie in rows]


@test("RFC7413:3")
def kernel_shows_terns_cookie():
    with World(sysctl=k_sysctl) as world:
        capture, peer = world.capture("tcp"), world.peer(offloads=0)
        listener = peer.tell("listen", service="echo", fast_open=10)
        for _ in range(3):
            sock = kernel_sends(listener["port"], b"hello")
            check_equal(receive_exactly(sock, 5), b"hello", "echo")
            sock.close()
        check_equal(peer.tell("counters")["fast_opens"], 2, "SYNs whose data tern took")
        peer.quit()
        got = syns(capture, k_kernel)
        check_equal([length for length, _ in got], [0, 5, 5], "text in the kernel's SYNs")
        check(got[1][1] and got[1][1] == got[2][1], f"cookies {got}")
        capture.clean()


@test("RFC7413:1")
def without_being_asked_tern_gives_no_cookie():
    with World(sysctl=k_sysctl) as world:
        peer = world.peer()
        listener = peer.tell("listen", service="echo")
        for _ in range(2):
            sock = kernel_sends(listener["port"], b"hello")
            check_equal(receive_exactly(sock, 5), b"hello", "echo")
            sock.close()
        check_equal(peer.tell("counters")["fast_opens"], 0, "SYNs whose data tern took")
        peer.quit()


@test("RFC7413:6")
def tern_shows_the_kernels_cookie():
    with World(sysctl=k_sysctl) as world:
        capture, peer = world.capture("tcp"), world.peer(offloads=0)
        server = listen(before=lambda s: s.setsockopt(socket.IPPROTO_TCP, k_tcp_fastopen, 10))
        to = f"{k_kernel}:{server.getsockname()[1]}"
        for expected in (False, True, True):
            connection = peer.tell("connect", to=to, fast_open=1, text="hello")["id"]
            sock, _ = accept(server)
            check_equal(receive_exactly(sock, 5), b"hello", "to the kernel")
            sock.sendall(b"world")
            check_equal(peer.tell("recv", connection, bytes=5)["ok"], True, "from the kernel")
            check_equal(peer.tell("status", connection)["fast_open"], expected, "data in SYN")
            sock.close()
            peer.tell("close", connection)
        peer.quit()
        check_equal([length for length, _ in syns(capture, k_tern)], [0, 5, 5], "text in SYNs")
        capture.clean()


@test("RFC7413:5")
def a_kernel_that_takes_no_data_gets_it_afterwards():
    with World(sysctl=k_sysctl) as world:
        peer = world.peer()
        server = listen(before=lambda s: s.setsockopt(socket.IPPROTO_TCP, k_tcp_fastopen, 10))
        port = server.getsockname()[1]
        for text in ("one", "two"):
            peer.tell("connect", to=f"{k_kernel}:{port}", fast_open=1, text=text)
            sock, _ = accept(server)
            check_equal(receive_exactly(sock, 3), text.encode(), "to the kernel")
            sock.close()
            # The kernel's SYN-ACK will leave the next SYN's data out.
            world.set("net.ipv4.tcp_fastopen", 0)
        peer.quit()


if __name__ == "__main__":
    sys.exit(main())
