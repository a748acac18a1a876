#!/usr/bin/env python3
"""Much data each way, hashed at both ends."""
import sys
import time

from lib_tern import *

k_port = 5000


def upload(world, peer, total):
    """The kernel sends, tern hashes. Gbit/s."""
    del world
    listener = peer.tell("listen", port=k_port, service="sink")["id"]
    sock = connect(k_port, timeout=60)
    start = time.monotonic()
    sent = Stream(total).send_all(sock)
    sock.shutdown(socket.SHUT_WR)
    check_equal(sock.recv(1), b"", "end of tern's stream")
    seconds = time.monotonic() - start
    done = peer.tell("wait", peer.accept(listener), timeout=20)
    sock.close()
    check_equal((done["received"], done["received_sha"]), (total, sent), "bytes and hash")
    check_equal(done["error"], "no error", "tern's connection")
    peer.tell("close-listener", listener)
    return total * 8 / seconds / 1e9


def download(world, peer, total):
    """tern sends, the kernel hashes. Gbit/s."""
    del world
    listener = listen()
    port = listener.getsockname()[1]
    start = time.monotonic()
    connection = peer.tell("connect", to=f"{k_kernel}:{port}", service="source", bytes=total)["id"]
    sock, _ = accept(listener, timeout=60)
    got = receive_all(sock)
    seconds = time.monotonic() - start
    sock.close()
    listener.close()
    done = peer.tell("wait", connection, timeout=20)
    check_equal(got, (done["sent"], done["sent_sha"]), "bytes and hash")
    check_equal(got[0], total, "bytes")
    check_equal(done["error"], "no error", "tern's connection")
    return total * 8 / seconds / 1e9


def both_ways(total, sanitized, **options):
    with World() as world:
        peer = world.peer(sanitized, **options)
        up = upload(world, peer, total)
        down = download(world, peer, total)
        counters = peer.quit()
        print(f"# {total >> 20} MiB each way: to tern {up:.2f} Gbit/s, from tern {down:.2f} Gbit/s"
              f" (hashing included); {counters}")
        check_equal(counters["send_refused"], 0, "frames that the TAP refused")


@test("RFC9293:MUST-2", "RFC9293:MUST-3", "RFC9293:SHLD-28", seconds=100)
def gigabyte_each_way():
    both_ways(10**9, sanitized=False)


@test(seconds=120)
def sanitized_each_way():
    if reason := no_sanitizers():
        return reason
    both_ways(200 * 10**6, sanitized=True)


@test("RFC9293:MUST-16", seconds=60)
def each_way_without_offloads():
    both_ways((500 if k_long else 100) * 10**6, sanitized=False, offloads=0)


if __name__ == "__main__":
    sys.exit(main())
