#!/usr/bin/env python3
"""What the captures of tern serve and get say in tshark."""
import sys
import time

from lib_commands import *


def captured(world, where, *words):
    path = f"{where}/serve.pcapng"
    server = Server(world, where, "--quiet", "--capture", path, *words)
    curl("/big.bin", "-o", "/dev/null")
    run("ping", "-c", "1", "-W", "2", k_tern)
    try:
        connect(81).close()
        raise Failure("port 81 was not refused")
    except ConnectionRefusedError:
        pass
    # With offloads the kernel leaves its datagram's sum to the link, and the error quotes it so.
    if "--no-offloads" in words:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"nobody", (k_tern, 4242))
            time.sleep(0.1)
    server.stop()
    return judge(path)


@test(seconds=90)
def captures_say_why_and_are_clean():
    for words in ((), ("--no-offloads",)):
        with folder() as where, World() as world:
            fill(where)
            comments = captured(world, where, *words)
            check(len(comments) > 1000, f"{len(comments)} packets")
            for reason in ("answer to SYN", "new data", "dropped: ", "acknowledge the peer's FIN",
                           "LISTEN -> SYN-RECEIVED", "-> CLOSE-WAIT"):
                check(any(reason in c for c in comments), f"nobody says: {reason}")


@test()
def a_capture_of_get_is_clean():
    with folder() as where, World() as world:
        whole = fill(where)
        start_http(world, where)
        path = f"{where}/get.pcapng"
        code, _, error = tern("get", f"http://{k_kernel}:8000/big.bin", "-o", f"{where}/got",
                              "--capture", path)
        check_equal(code, 0, error)
        check_equal(hash_of(f"{where}/got"), whole, "the file")
        check(any("ask for a connection" in c for c in judge(path)), "no reason of the SYN")


if __name__ == "__main__":
    sys.exit(main())
