#!/usr/bin/env python3
"""A sender with one segment in flight, as small stacks have: it waits for each acknowledgement."""
import fcntl
import struct
import sys
import termios
import time

from lib_tern import *

k_total = 100_000


def unacknowledged(sock):
    """Bytes that the kernel has not had acknowledged: SIOCOUTQ."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4))[0]


def acknowledged(sock):
    deadline = time.monotonic() + 5 * k_patience
    while unacknowledged(sock) > 0:
        check(time.monotonic() < deadline, "no acknowledgement")
        time.sleep(0.0001)


def one_at_a_time(piece):
    """Sends k_total bytes, each piece when the one before it is acknowledged; seconds."""
    with World() as world:
        capture, peer = world.capture(), world.peer(offloads=0)
        listener = peer.tell("listen", service="sink")
        sock = connect(listener["port"])
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = peer.accept(listener["id"])
        begin, left = time.monotonic(), k_total
        while left > 0:
            left -= sock.send(b"x" * min(piece, left))
            acknowledged(sock)
        seconds = time.monotonic() - begin
        sock.shutdown(socket.SHUT_WR)
        peer.tell("wait", connection, **{"for": "done"})
        sock.close()
        peer.quit()
        rows = capture.read(f"ip.src == {k_kernel} and tcp.len > 0", "tcp.len")
        check_equal(len(rows), -(-k_total // piece), "segments")
        capture.clean()
    print(f"# {len(rows)} segments of {piece} bytes, one at a time: {seconds:.3f} s, "
          f"{k_total / seconds / 1000:.0f} kB/s; 40 ms for each were {len(rows) * 0.04:.1f} s")


@test("RFC9293:SHLD-18", "RFC9293:MUST-40")
def full_segments_one_at_a_time():
    one_at_a_time(1448)


@test("RFC9293:SHLD-18", "RFC9293:MUST-40")
def short_segments_one_at_a_time():
    one_at_a_time(500)


if __name__ == "__main__":
    sys.exit(main())
