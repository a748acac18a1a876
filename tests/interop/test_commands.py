#!/usr/bin/env python3
"""The command tern as a user sees it: show, ping, udp, and what it answers to mistakes."""
import sys
import threading

from lib_commands import *


@test()
def show_tells_each_story():
    def show(*words, wanted=0):
        code, out, error = tern("show", *words, tap=None)
        check_equal(code, wanted, f"show {words}: {error}")
        return out

    def times(*words):
        return [row["time"] for row in json.loads(show(*words, "--json"))]

    for story, said in (("handshake", "ESTABLISHED"), ("close", "TIME-WAIT"),
                        ("loss", "lost on the wire"), ("reset", "nobody is home")):
        check(said in show(story), f"show {story} does not say: {said}")
        check(json.loads(show(story, "--json")), f"show {story} --json is empty")
        check(times(story, "--delay", "200ms")[-1] > times(story)[-1], f"{story}: --delay")
    lost = json.loads(show("handshake", "--drop", "2", "--json"))
    check("OpenAnswerRetry" in [row.get("reason") for row in lost], "--drop 2: SYN-ACK again")
    check(show("handshake", "--drop", "2").count("lost on the wire") == 1, "--drop 2 is drawn")
    once, twice = show("loss"), show("loss", "--drop", "3", "--drop", "5")
    check_equal(twice.count("lost on the wire") - once.count("lost on the wire"), 1, "--drop twice")
    everything = [word for n in range(1, 20) for word in ("--drop", str(n))]
    check("too much was lost" in show("handshake", *everything, wanted=1), "a story that fails")


@test()
def ping_and_udp():
    with World() as world:
        code, out, error = tern("ping", k_kernel, "-c", "3", "-i", "0.05")
        check_equal(code, 0, error)
        check("3 sent, 3 received, 0% lost" in out, out)
        code, _, error = tern("ping", "10.0.0.77", "-c", "1", "-W", "0.2")
        check_equal(code, 3, "nobody")
        check("is it up" in error, error)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((k_kernel, 7))
            echo = threading.Thread(target=lambda: sock.sendto(*sock.recvfrom(2000)), daemon=True)
            echo.start()
            code, out, error = tern("udp", "send", f"{k_kernel}:7", "hello")
            check_equal(code, 0, error)
            check("hello" in out, out)
        code, _, error = tern("udp", "send", f"{k_kernel}:9", "hello")
        check_equal(code, 3, error)
        check("refused" in error, error)
        world.start(command(), "udp", "echo", "--port", "7", "--link", "tap:tap0",
                    stdout=subprocess.DEVNULL)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.2)

            def echoed():
                try:
                    sock.sendto(b"there?", (k_tern, 7))
                    return sock.recv(100) == b"there?"
                except (TimeoutError, ConnectionRefusedError):
                    return False

            wait_until(echoed, 10, "tern's echo")


# What is wrong, the exit code, and a part of the message that helps.
k_mistakes = (
    ("", 2, "serve get ping udp demo wire sim chaos show"),
    ("frobnicate", 2, "\"frobnicate\" is no command"),
    ("serve", 2, "directory is required"),
    ("serve /nonexistent", 2, "name one that is there"),
    ("serve . --nonsense", 2, "--help"),
    ("serve . --address 10.0.0.300/24", 2, "as in 10.0.0.2/24"),
    ("serve . --address 10.0.0.2/99", 2, "as in 10.0.0.2/24"),
    ("serve . --address 10.0.0.2", 2, "with its prefix"),
    ("serve . --link eth0", 2, "--link tap:tern0"),
    ("serve . --link wire", 2, "tern demo wire"),
    ("serve . --link tap:" + 20 * "x", 2, "15 characters"),
    ("serve . --link tap:lo", 2, "choose another name"),
    ("serve . --link tun:tap0", 2, "of another kind"),
    ("serve . --link tap:tap0 --netns none", 3, "ip netns add"),
    ("serve . --gateway banana", 2, "--gateway 10.0.0.1"),
    ("serve . --gateway 99.9.9.9", 2, "in the network of one of our addresses"),
    ("serve . --route 10.1.0.0/16@x", 2, "via 10.0.0.9"),
    ("serve . --port 70000", 2, "--port"),
    ("serve . --mtu 20", 2, "68 to 65535"),
    ("serve . --vlan 4095", 2, "1 to 4094"),
    ("serve . --wait long", 2, "sleep,spin,adaptive"),
    ("serve . --buffer 0", 2, "in range"),
    ("serve . --buffer 3XB", 2, "unit"),
    ("serve . --memory 1", 2, "in range"),
    ("serve . --backlog 0", 2, "in range"),
    ("serve . --capture /nonexistent/x", 2, "make its folder first"),
    ("serve . --capture /", 2, "add the name of a file"),
    ("serve . --impair banana", 2, "write loss=1%"),
    ("serve . --impair loss=200%", 2, "write loss=1%"),
    ("serve . --impair loss=-1%", 2, "write loss=1%"),
    ("serve . --impair delay=5", 2, "delay=20ms"),
    ("serve . --impair-in drop=0", 2, "drop=3+7"),
    ("get", 2, "url is required"),
    ("get http://example.org/", 2, "write the address"),
    ("get https://10.0.0.1/", 2, "use http://"),
    ("get ftp://10.0.0.1/", 2, "only http://"),
    ("get http://10.0.0.1:99999/", 2, "1 to 65535"),
    ("get http://10.0.0.1/ --connect-timeout 0", 2, "in range"),
    ("ping banana", 2, "write the address"),
    ("udp", 2, "echo send"),
    ("udp send 10.0.0.1 hello", 2, "ADDRESS:PORT"),
    ("show", 2, "story is required"),
    ("show nonsense", 2, "handshake,close,loss,reset"),
    ("show loss --drop 0", 2, "1 to 1000000"),
    ("show loss --delay 5", 2, "such as 20ms"),
    ("show loss --width 3", 2, "80 to 400"),
    ("demo wire --impair banana", 2, "write loss=1%"),
)


@test()
def mistakes_are_answered_by_a_remedy():
    with World():
        for words, wanted, remedy in k_mistakes:
            code, out, error = tern(*words.split(), tap=None, timeout=10)
            check_equal(code, wanted, f"tern {words}: {out}{error}")
            check(remedy in error, f"tern {words}: no remedy in: {error}")
            check(len(error) < 600, f"tern {words}: a wall of text: {error}")


@test()
def no_rights_and_a_device_in_use():
    def drop_net_admin():
        prctl_capbset_drop, cap_net_admin = 24, 12
        k_libc.prctl(prctl_capbset_drop, cap_net_admin, 0, 0, 0)

    with folder() as where, World() as world:
        code, _, error = tern("serve", where, tap="tap7", preexec_fn=drop_net_admin)
        check_equal(code, 3, error)
        check("CAP_NET_ADMIN" in error and "unshare -rn" in error, f"no remedy: {error}")
        server = Server(world, where, "--quiet")
        code, _, error = tern("serve", where)
        check_equal(code, 3, error)
        check("another program holds this interface" in error, f"no remedy: {error}")
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
