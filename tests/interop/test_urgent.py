#!/usr/bin/env python3
"""Urgent data (RFC 6093) against MSG_OOB, SO_OOBINLINE and SIOCATMARK."""
import fcntl
import select
import struct
import sys
import time

from lib_tern import *

k_siocatmark = 0x8905


def at_mark(sock):
    word = fcntl.ioctl(sock, k_siocatmark, struct.pack("i", -1))
    return struct.unpack("i", word)[0] == 1


def wait_for_urgent(sock):
    check(select.select([], [], [sock], 5)[2], "the kernel saw no urgent data")


def pair(peer, inline=0, **options):
    listener = peer.tell("listen", service="hold", urgent_inline=inline, **options)
    sock = connect(listener["port"])
    return sock, peer.accept(listener["id"])


@test("RFC9293:MUST-30", "RFC9293:MUST-62", "RFC6093:1")
def to_the_kernel_out_of_band():
    with World() as world:
        capture, peer = world.capture(), world.peer(offloads=0)
        sock, connection = pair(peer)
        peer.tell("send", connection, text="abc")
        peer.tell("urgent", connection, text="X")
        peer.tell("send", connection, text="def")
        wait_for_urgent(sock)
        wait_until(lambda: peer.tell("status", connection)["flight"] == 0, 5, "all has arrived")
        check(not at_mark(sock), "the mark lies behind abc")
        check_equal(sock.recv(100), b"abc", "bytes up to the mark")
        check(at_mark(sock), "the mark is next")
        check_equal(sock.recv(1, socket.MSG_OOB), b"X", "the urgent byte")
        check_equal(sock.recv(100), b"def", "bytes behind the mark")
        check(not at_mark(sock), "the mark is passed")
        peer.quit()
        capture.clean()


@test("RFC6093:1")
def to_the_kernel_inline():
    with World() as world:
        peer = world.peer()
        sock, connection = pair(peer)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        peer.tell("send", connection, text="abc")
        peer.tell("urgent", connection, text="X")
        peer.tell("send", connection, text="def")
        wait_for_urgent(sock)
        wait_until(lambda: peer.tell("status", connection)["flight"] == 0, 5, "all has arrived")
        check_equal(sock.recv(100), b"abc", "bytes up to the mark")
        check(at_mark(sock), "the mark is next")
        check_equal(sock.recv(100), b"Xdef", "bytes from the mark on")
        peer.quit()


@test("RFC9293:MUST-31")
def long_urgent_data_to_the_kernel():
    """70,000 urgent bytes: more than the pointer can span in one segment."""
    with World() as world:
        peer = world.peer()
        sock, connection = pair(peer)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        text = "u" * 69_999 + "!"
        peer.tell("urgent", connection, text=text)
        wait_for_urgent(sock)
        got = receive_exactly(sock, len(text) - 1)
        check_equal(got, text[:-1].encode(), "bytes up to the mark")
        wait_until(lambda: at_mark(sock), 5, "the mark behind all but the last byte")
        check_equal(sock.recv(10), b"!", "the last urgent byte")
        peer.quit()


@test("RFC9293:MUST-32", "RFC9293:MUST-33", "RFC6093:1")
def to_tern_out_of_band():
    with World() as world:
        peer = world.peer()
        sock, connection = pair(peer)
        sock.sendall(b"abc")
        sock.send(b"X", socket.MSG_OOB)
        sock.sendall(b"def")
        peer.tell("wait", connection, **{"for": "urgent"})
        wait_until(lambda: peer.tell("status", connection)["readable"] >= 7, 5, "all bytes")
        status = peer.tell("status", connection)
        check_equal((status["urgent_pending"], status["urgent_ahead"]), (True, 4), "what is ahead")
        first = peer.tell("read-once", connection)
        check_equal((first["text"], first["was_at_mark"]), ("abc", False), "up to the mark")
        check(peer.tell("status", connection)["at_mark"], "the mark is next")
        check_equal(peer.tell("urgent-byte", connection)["text"], "X", "the urgent byte")
        check_equal(peer.tell("read-once", connection)["text"], "def", "behind the mark")
        check(not peer.tell("status", connection)["urgent_pending"], "the mark is passed")
        peer.quit()


@test("RFC9293:MUST-30", "RFC6093:1")
def to_tern_inline():
    with World() as world:
        peer = world.peer()
        sock, connection = pair(peer, inline=1)
        sock.sendall(b"abc")
        sock.send(b"X", socket.MSG_OOB)
        sock.sendall(b"def")
        wait_until(lambda: peer.tell("status", connection)["readable"] >= 7, 5, "all bytes")
        check_equal(peer.tell("read-once", connection)["text"], "abc", "up to the mark")
        at = peer.tell("read-once", connection)
        check_equal((at["text"], at["was_at_mark"]), ("Xdef", True), "from the mark on")
        refused = peer.ask("urgent-byte", connection)
        check(not refused["ok"], "an urgent byte of its own although it is in the stream")
        peer.quit()


@test("RFC9293:MUST-32", "RFC9293:U-14")
def urgent_pointer_advances():
    with World() as world:
        peer = world.peer()
        sock, connection = pair(peer)
        for byte in (b"1", b"2", b"3"):
            sock.send(b"..", 0)
            sock.send(byte, socket.MSG_OOB)
            peer.tell("wait", connection, **{"for": "urgent"})
        wait_until(lambda: peer.tell("status", connection)["readable"] >= 9, 5, "all bytes")
        # As in BSD, only the last urgent byte is out of band; the others became plain data.
        check_equal(peer.tell("read-once", connection)["text"], "..1..2..", "up to the mark")
        check_equal(peer.tell("urgent-byte", connection)["text"], "3", "the last urgent byte")
        peer.quit()


@test("RFC9293:MUST-66")
def to_tern_although_its_window_is_closed():
    """Nobody reads at tern; the pointer comes in a probe that carries nothing else."""
    with World() as world:
        peer = world.peer()
        listener = peer.tell("listen", service="hold", receive_buffer=20_000)
        sock = connect(listener["port"], before=buffers(socket.SO_SNDBUF, 8192))
        connection = peer.accept(listener["id"])
        sock.setblocking(False)
        wait_until(lambda: full(sock), 5, "the kernel's send buffer is full")
        wait_until(lambda: peer.tell("status", connection)["rcv_wnd"] == 0, 5, "window closed")
        buffers(socket.SO_SNDBUF, 32768)(sock)
        sock.send(b"X", socket.MSG_OOB)
        peer.tell("wait", connection, **{"for": "urgent"})
        check_equal(peer.tell("status", connection)["rcv_wnd"], 0, "the window")
        sock.close()


@test("RFC9293:MUST-31")
def to_the_kernel_although_its_window_is_closed():
    with World() as world:
        peer = world.peer()
        listener = peer.tell("listen", service="hold", send_buffer=40_000)
        sock = connect(listener["port"], before=buffers(socket.SO_RCVBUF, 5000))
        connection = peer.accept(listener["id"])
        peer.ask("send", connection, bytes=30_000, timeout=0.5)
        wait_until(lambda: peer.tell("status", connection)["snd_wnd"] == 0, 5, "window closed")
        # The byte is not there yet, so select() is silent; the news is a signal.
        told = []
        signal.signal(signal.SIGURG, lambda number, frame: told.append(number))
        fcntl.fcntl(sock, fcntl.F_SETOWN, os.getpid())
        peer.tell("urgent", connection, text="X")
        wait_until(lambda: told, 5, "SIGURG")
        check_equal(peer.tell("status", connection)["snd_wnd"], 0, "the kernel's window")
        sock.close()


def buffers(which, size):
    return lambda sock: sock.setsockopt(socket.SOL_SOCKET, which, size)


def full(sock):
    """Writes until the kernel takes no more."""
    try:
        while True:
            sock.send(b"f" * 10_000)
    except BlockingIOError:
        return not select.select([], [sock], [], 0.3)[1]


if __name__ == "__main__":
    sys.exit(main())
