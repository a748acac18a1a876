#!/usr/bin/env python3
"""S4 and S5 through the user-space stacks that containers use: a program in a namespace behind
slirp4netns or pasta sends to, or receives from, a socket on the loopback outside of it.

    user_net.py send|receive slirp4netns|pasta [--seconds S] [--mtu N] [--json]

"Outside" is a namespace as well, that this program makes and that goes with it. The
processor time is that of slirp4netns or pasta alone.
"""
import argparse
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

k_port, k_block = 5001, bytes(256 * 1024)
# Where a guest finds the outside's loopback.
k_gateway = {"slirp4netns": "10.0.2.2", "pasta": "10.7.0.1"}
k_settle = 0.5  # seconds that do not count


def stop(message):
    sys.exit(f"bench/device/user_net.py: {message}")


def run(*words):
    subprocess.run(words, check=True)


def by_cubic(sock):
    """The default here may be BBR, which paces what no wire asks to be paced."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    sock.settimeout(None)
    return sock


def pour(sock, until):
    with by_cubic(sock):
        while time.monotonic() < until:
            sock.sendall(k_block)


def drain(sock, total):
    room = bytearray(len(k_block))
    while n := sock.recv_into(room):
        total[0] += n


def guest(question, address, seconds):
    """Behind the stack: waits until there is a way out."""
    for _ in range(200):
        try:
            sock = socket.create_connection((address, k_port), timeout=5)
            break
        except OSError:
            time.sleep(0.05)
    else:
        stop("no way out of the namespace")
    if question == "send":
        pour(sock, time.monotonic() + seconds + 2 * k_settle)
    else:
        drain(by_cubic(sock), [0])


def start(stack, mtu, words):
    """(the process whose time counts, the guest)"""
    if stack == "pasta":
        process = subprocess.Popen(["pasta", "--foreground", "--quiet", "--config-net",
                                    "--mtu", str(mtu), "--runas", "0", "--tcp-ns", "none", "--",
                                    *words])
        return process, process
    inside = subprocess.Popen(["unshare", "-n", *words])
    while os.readlink(f"/proc/{inside.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
        time.sleep(0.01)
    return subprocess.Popen(["slirp4netns", "--configure", f"--mtu={mtu}", str(inside.pid), "tap0"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), inside


def processor_time(pid):
    """(user, system) in seconds, of all its threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return [int(fields[n]) / os.sysconf("SC_CLK_TCK") for n in (11, 12)]


def measure(options):
    listener = socket.create_server(("127.0.0.1", k_port))
    listener.settimeout(15)
    words = [sys.executable, __file__, options.question, options.stack, "--seconds",
             str(options.seconds), "--guest"]
    process, inside = start(options.stack, options.mtu, words)
    try:
        sock, _ = listener.accept()
        total = [0]
        if options.question == "send":
            work, counted = drain, (sock, total)
        else:
            work, counted = pour_counted, (sock, total, options.seconds + 2 * k_settle)
        thread = threading.Thread(target=work, args=counted, daemon=True)
        thread.start()
        time.sleep(k_settle)
        at, before, user, system = time.monotonic(), total[0], *processor_time(process.pid)
        time.sleep(options.seconds)
        took, moved = time.monotonic() - at, total[0] - before
        spent = [now - then for now, then in zip(processor_time(process.pid), (user, system))]
        if moved == 0:
            stop(f"nothing arrived through {options.stack} in {took:.1f} s")
        thread.join(10)
        return {"peer": options.stack, "bench": f"user net, {options.question}",
                "gbit_per_s": moved * 8 / took / 1e9, "cpu_s_per_gb": sum(spent) / (moved / 1e9),
                "user_s_per_gb": spent[0] / (moved / 1e9)}
    finally:
        for p in {process, inside}:
            p.terminate()
            p.wait()


def pour_counted(sock, total, seconds):
    until = time.monotonic() + seconds
    with by_cubic(sock):
        while time.monotonic() < until:
            sock.sendall(k_block)
            total[0] += len(k_block)


def enter():
    """Again in a namespace of its own, which has nothing but a loopback and an address to copy."""
    if os.environ.get("TERN_USER_NET") != "inside":
        os.execvpe("unshare", ["unshare", "-n", sys.executable, *sys.argv],
                   os.environ | {"TERN_USER_NET": "inside"})
    links = subprocess.run(["ip", "-o", "link"], stdout=subprocess.PIPE, text=True).stdout
    if links.count("\n") != 1:
        stop("this is not a fresh network namespace")
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "outer", "type", "veth", "peer", "name", "nobody")
    run("ip", "link", "set", "nobody", "up")
    run("ip", "addr", "add", "10.7.0.2/24", "dev", "outer")
    run("ip", "link", "set", "outer", "up")
    run("ip", "route", "add", "default", "via", k_gateway["pasta"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("question", choices=["send", "receive"])
    parser.add_argument("stack", choices=list(k_gateway))
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--mtu", type=int, default=1500)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--guest", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.guest:
        return guest(options.question, k_gateway[options.stack], options.seconds)
    enter()
    figures = measure(options)
    print(json.dumps(figures) if options.json else
          f"{figures['gbit_per_s']:.1f} Gbit/s, {figures['cpu_s_per_gb']:.2f} CPU-s/GB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
