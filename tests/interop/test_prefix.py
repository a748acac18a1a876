#!/usr/bin/env python3
"""A prefix that is tern's as a whole (accept-any): the kernel speaks to thousands of addresses."""
import sys

from lib_tern import *

k_network = "10.77.0.0/16"


def address(n):
    return f"10.77.{n // 256 % 256}.{n % 256}"


@contextlib.contextmanager
def prefix_of_tern(route, **how):
    """A peer that has the prefix, to which the kernel has `route`."""
    with World() as world:
        peer = world.peer()
        peer.tell("add-prefix", prefix=k_network, **how)
        run("ip", "route", "add", k_network, *(route or ("dev", world.tap)))
        yield peer
        peer.quit()


def talk_to_many(peer, count):
    """One byte from each of `count` addresses all over the prefix."""
    peer.tell("listen", port=80, service="source", bytes=1, backlog=100)
    for n in range(count):
        with connect(80, host=address(n * 65536 // count)) as sock:
            check_equal(len(receive_exactly(sock, 1)), 1, "the byte")


@test("RFC1122:3")
def kernel_connects_to_a_routed_prefix():
    count = 2000
    with prefix_of_tern(("via", k_tern), arp=0) as peer:
        talk_to_many(peer, count)
        check(" 0% packet loss" in run("ping", "-c1", "-W2", "10.77.200.200"), "no echo reply")
        totals = peer.tell("totals")
        check_equal((totals["opened"], totals["errors"]), (count, {}), "connections and errors")


@test("RFC826:1")
def kernel_asks_by_arp_for_addresses_of_the_prefix():
    with prefix_of_tern(None) as peer:
        talk_to_many(peer, 100)


@test("RFC9293:MUST-43")
def tern_connects_from_many_addresses():
    count = 300
    with prefix_of_tern(("via", k_tern), arp=0) as peer, listen(backlog=100) as listener:
        port = listener.getsockname()[1]
        for n in range(count):
            peer.tell("connect", f"from={address(n * 200)}", to=f"{k_kernel}:{port}",
                      service="hold")
            sock, remote = accept(listener)
            check_equal(remote[0], address(n * 200), "the address that tern spoke from")
            sock.close()


if __name__ == "__main__":
    sys.exit(main())
