#!/usr/bin/env python3
"""Ends of connections: half-closed, at once from both sides, reset; and servers that come back."""
import struct
import sys
import threading
import time

from lib_tern import *

k_some = 300_000


def pair(peer, **options):
    """A connection from the kernel to a listener of tern: (socket, its number at tern)."""
    listener = peer.tell("listen", service="hold", **options)
    sock = connect(listener["port"])
    return sock, peer.accept(listener["id"])


def state(peer, connection):
    return peer.tell("status", connection)["state"]


def wait_for_state(peer, connection, wanted):
    wait_until(lambda: state(peer, connection) == wanted, 5, f"tern in {wanted}")


def reset_on_close(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def expect_reset(sock, call, behind_fin=False):
    """Linux says EPIPE instead when a FIN came before the RST."""
    try:
        call()
    except BrokenPipeError if behind_fin else ConnectionResetError:
        return
    finally:
        sock.close()
    raise Failure("the kernel did not see a reset")


@test("RFC9293:MUST-12", "RFC9293:U-12")
def kernel_closes_its_half():
    with World() as world:
        capture, peer = world.capture(), world.peer(offloads=0)
        sock, connection = pair(peer)
        sent = Stream(k_some)
        peer.begin("recv", connection)
        sent.send_all(sock)
        sock.shutdown(socket.SHUT_WR)
        got = peer.finish()
        check_equal((got["bytes"], got["sha"]), (k_some, sent.hash.hexdigest()), "what arrived")
        check_equal(got["end"], "the peer has finished sending", "the end")
        wait_for_state(peer, connection, "CLOSE-WAIT")
        done = peer.tell("send", connection, bytes=k_some)
        peer.tell("close", connection)
        check_equal(receive_all(sock), (k_some, done["sent_sha"]), "what came back")
        sock.close()
        closed = peer.tell("wait", connection, **{"for": "closed"})
        check_equal(closed["error"], "no error", "tern's end")
        check_equal(state(peer, connection), "CLOSED", "state")
        peer.quit()
        capture.clean()


@test("RFC9293:U-12", "RFC9293:U-17")
def tern_closes_its_half():
    with World() as world:
        capture, peer = world.capture(), world.peer(offloads=0)
        sock, connection = pair(peer)
        sent = peer.tell("send", connection, bytes=k_some)
        peer.tell("close", connection)
        check_equal(receive_all(sock), (k_some, sent["sent_sha"]), "what arrived")
        wait_for_state(peer, connection, "FIN-WAIT-2")
        refused = peer.ask("send", connection, text="late")
        check_equal(refused["error"], "connection closing", "send() after close()")
        back = Stream(k_some)
        peer.begin("recv", connection)
        back.send_all(sock)
        sock.close()
        got = peer.finish()
        check_equal((got["bytes"], got["sha"]), (k_some, back.hash.hexdigest()), "what came back")
        wait_for_state(peer, connection, "TIME-WAIT")
        peer.quit()
        capture.clean()


@test("RFC9293:U-12", "RFC9293:MUST-13")
def both_close_at_once():
    """Frames take two seconds each way, so the FINs cross, and their acknowledgements are long on
    their way."""
    with World() as world:
        peer = world.peer(impair=1, msl=300)
        sock, connection = pair(peer)
        peer.tell("impair", out="delay=2000", **{"in": "delay=2000"})
        peer.tell("close", connection)
        sock.shutdown(socket.SHUT_WR)
        wait_for_state(peer, connection, "CLOSING")
        wait_until(lambda: len(tcp_states("state", "closing")) == 1, 5, "the kernel in CLOSING")
        wait_for_state(peer, connection, "TIME-WAIT")
        check_equal(sock.recv(1), b"", "the kernel's end of stream")
        wait_for_state(peer, connection, "CLOSED")  # 2 MSL of 300 ms later
        sock.close()
        peer.quit()


@test("RFC9293:MUST-10")
def both_open_at_once():
    with World() as world:
        peer = world.peer(out="delay=60", **{"in": "delay=60"})
        run("ping", "-c", "1", "-W", "2", k_tern)  # both know each other's hardware address
        connection = peer.tell("connect", to=f"{k_kernel}:7001", local_port=7002)["id"]
        sock = connect(7002, local_port=7001)
        peer.tell("wait", connection, **{"for": "connected"})
        sock.sendall(b"crossed")
        check_equal(peer.tell("recv", connection, bytes=7)["text"], "crossed", "to tern")
        peer.tell("send", connection, text="over")
        check_equal(receive_exactly(sock, 4), b"over", "to the kernel")
        counters = peer.quit()
        check_equal((counters["opened"], counters["accepted"]), (1, 0), "opened, accepted")


@test("RFC9293:MUST-12", "RFC5961:1")
def kernel_resets():
    with World() as world:
        peer = world.peer()
        sock, connection = pair(peer)
        sock.sendall(b"last words")
        peer.tell("wait", connection, **{"for": "readable"})
        reset_on_close(sock)
        closed = peer.tell("wait", connection, **{"for": "closed"})
        check_equal(closed["error"], "connection reset by the peer", "the event")
        got = peer.ask("recv", connection)
        check_equal(got["end"], "connection reset by the peer", "receive()")
        refused = peer.ask("send", connection, text="x")
        check_equal(refused["error"], "connection reset by the peer", "send()")
        peer.quit()


@test("RFC9293:MUST-12")
def kernel_resets_because_of_unread_data():
    with World() as world:
        peer = world.peer()
        sock, connection = pair(peer)
        peer.tell("send", connection, bytes=1000)
        wait_until(lambda: len(sock.recv(2000, socket.MSG_PEEK)) == 1000, 5, "bytes there")
        sock.close()
        closed = peer.tell("wait", connection, **{"for": "closed"})
        check_equal(closed["error"], "connection reset by the peer", "the event")
        peer.quit()


@test("RFC9293:MUST-12")
def tern_resets():
    with World() as world:
        capture, peer = world.capture(), world.peer(offloads=0)
        sock, connection = pair(peer)
        abort = threading.Timer(0.3, lambda: peer.tell("abort", connection))
        abort.start()
        expect_reset(sock, lambda: sock.recv(1))
        abort.join()  # it has read its answer
        refused = peer.ask("send", connection, text="x")
        check_equal(refused["error"], "connection aborted on this side", "send()")
        peer.quit()
        capture.clean()


@test("RFC9293:SHLD-3")
def tern_resets_because_of_unread_data():
    with World() as world:
        peer = world.peer()
        sock, connection = pair(peer)
        sock.sendall(b"nobody reads this")
        peer.tell("wait", connection, **{"for": "readable"})
        peer.tell("release", connection)
        expect_reset(sock, lambda: sock.recv(1))
        # And data that arrives behind close and release.
        sock, connection = pair(peer)
        peer.tell("release", connection)
        check_equal(sock.recv(1), b"", "tern's FIN")
        sock.sendall(b"nobody will read this")
        expect_reset(sock, lambda: time.sleep(0.2) or sock.sendall(b"x"), behind_fin=True)
        peer.quit()


def serve_and_stop(peer, port, reuse):
    """A server that closes first, so that a TIME-WAIT stays at its port; then it goes."""
    listener = peer.tell("listen", port=port, service="source", bytes=10, reuse=reuse)["id"]
    sock = connect(port, local_port=6000)
    check_equal(len(receive_exactly(sock, 11)), 10, "bytes of the old server")
    sock.close()
    wait_until(lambda: peer.tell("counters")["time_waits"] == 1, 5, "a TIME-WAIT")
    peer.tell("close-listener", listener)
    expect_refused(port)


def expect_refused(port):
    try:
        connect(port).close()
    except ConnectionRefusedError:
        return
    raise Failure("the kernel was not refused")


@test("RFC6191:1", "RFC9293:MUST-8")
def restart_with_address_reuse():
    with World() as world:
        peer = world.peer()
        serve_and_stop(peer, 80, reuse=1)
        peer.tell("listen", port=80, service="source", bytes=20, reuse=1)
        # Even the same four-tuple may come back (RFC 6191).
        sock = connect(80, local_port=6000)
        check_equal(len(receive_exactly(sock, 21)), 20, "bytes of the new server")
        sock.close()
        peer.quit()


@test("RFC9293:MUST-41")
def restart_without_address_reuse():
    with World() as world:
        peer = world.peer(msl=700)
        serve_and_stop(peer, 80, reuse=0)
        refused = peer.ask("listen", port=80)
        check_equal(refused.get("error"), "the local port is in use", "listen() at once")
        peer.tell("listen", port=81)
        wait_until(lambda: peer.ask("listen", port=80, service="source", bytes=20)["ok"], 5,
                   "listen() behind 2 MSL")
        sock = connect(80, local_port=6000)
        check_equal(len(receive_exactly(sock, 21)), 20, "bytes of the new server")
        sock.close()
        peer.quit()


@test("RFC9293:U-2")
def restart_of_the_whole_host():
    """A new process knows nothing of old connections and says so by RST."""
    with World() as world:
        peer = world.peer()
        sock, _ = pair(peer, port=80)
        peer.close()
        peer = world.peer()
        peer.tell("listen", port=80, service="echo")
        expect_reset(sock, lambda: sock.sendall(b"still there?") or sock.recv(1))
        sock = connect(80)
        sock.sendall(b"hello")
        check_equal(receive_exactly(sock, 5), b"hello", "the new host")
        sock.close()
        peer.quit()


if __name__ == "__main__":
    sys.exit(main())
