#!/usr/bin/env python3
"""tern serve under --memory, against clients that ask for much and do not read it."""
import sys
import time

from lib_commands import *

k_clients, k_answer = 400, 400_000  # bytes: what the send queue of a connection takes at once


def hold(path, protocol="HTTP/1.0"):
    """A client that asks and does not read; its kernel answers each probe of its closed window."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
    client.settimeout(10)
    try:
        client.connect((k_tern, 80))
        client.sendall(f"GET {path} {protocol}\r\nHost: {k_tern}\r\n\r\n".encode())
    except OSError:
        client.close()
        return None
    return client


def attempts_until_served(path, wanted, at_most):
    """A new client comes, again and again, until it has its answer whole; so many came. Only how
    often is counted: how fast this machine is does not matter."""
    for n in range(1, at_most + 1):
        done = subprocess.run(["curl", "-s", "-f", "-m", "10", f"http://{k_tern}{path}"],
                              capture_output=True)
        if done.returncode == 0 and done.stdout == wanted:
            return n
        time.sleep(1)
    fail(f"{path}: {at_most} new clients came and none was served: curl said {done.returncode}")


@test("VULN:sockstress", "VULN:zero-window", "VULN:naphtha", "VULN:slow-read", seconds=200)
def clients_that_do_not_read_keep_nobody_else_out():
    with folder() as where, World(sysctl={"net.core.somaxconn": 4096}) as world:
        fill(where)
        answer, fair = os.urandom(k_answer), os.urandom(300_000)
        pathlib.Path(where, "held.bin").write_bytes(answer)
        pathlib.Path(where, "fair.bin").write_bytes(fair)
        server = Server(world, where, "--quiet", "--memory", "32MB", "--counters")
        held = [hold("/held.bin") for _ in range(k_clients)]
        check(sum(c is not None for c in held) > k_clients // 4, "the clients were not let in")
        # The server gives each of them 5 s to close and then gives it up; the stack spares it 10 s.
        small = attempts_until_served("/small.txt", k_files["small.txt"], 30)
        large = attempts_until_served("/fair.bin", fair, 30)
        print(f"  served at attempt {small} (10 bytes) and {large} (300,000 bytes)")
        for client in held:
            if client is not None:
                client.close()
        out, error = server.stop()
        check("made room for others" in out + error, f"nothing was under pressure:\n{out}{error}")


if __name__ == "__main__":
    sys.exit(main())
