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
    ("serve . --address 10.0.0.2/24 --link tap:a --link tap:b", 2, "behind the --link"),
    ("serve . --link tap:a --address 10.0.0.2/24 --link tap:b", 2, "--link tap:b has no address"),
    ("serve . --link tap:a --address 10.0.0.2/24 --link tap:a --address 10.1.0.2/24", 2, "twice"),
    ("ping 10.0.0.1 --link tap:a --address 10.0.0.2/24 --link tap:b --address 10.0.0.2/24", 2,
     "tap:b: address 10.0.0.2/24: it was given before"),
    ("get http://10.0.0.1/ --link tap:a --address 10.0.0.2/24 --link tap:b --address 10.1.0.2/24 "
     "--gateway 10.0.0.1", 2, "tap:b: gateway"),
    ("udp echo --link tap:a --mtu 1400 --mtu 1500", 2, "once behind each --link"),
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


# What a hostile peer may send: no UTF-8, control characters of both sets, text that runs backwards.
k_foreign = (b"plain", b"\xff\xfe\xfd", b"\x1b[31mred\x1b]0;title\x07", b"\xc2\x9b31m", b"\x9b31m",
             b"two\r\nlines\n", b"quote \" and \\", b"\x00\x7f", "exe.\u202egpj".encode(),
             b"\xed\xa0\x80", b"\xf5\x80\x80\x80", "\u65e5\u672c \U0001f426".encode(), b"")


def json_lines(raw):
    """Each line of standard output as a value; strictly UTF-8 and strictly JSON."""
    def no_constant(word):
        raise ValueError(f"{word} is no JSON")

    return [json.loads(line, parse_constant=no_constant) for line in raw.decode().splitlines()]


def check_terminal(raw, what):
    text = raw.decode()  # what is no UTF-8 was written out
    for c in text.replace("\n", ""):
        check(c >= " " and not "\x7f" <= c <= "\x9f" and not "\u202a" <= c <= "\u202e",
              f"{what}: {c!r} reaches the terminal: {text!r}")


@test()
def json_stays_json_and_terminals_stay_terminals():
    def echo(world, *words):
        process = world.start(command(), "udp", "echo", "--link", world.link, "--count",
                              str(len(k_foreign)), *words, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.3)
            for data in k_foreign:
                def echoed():
                    try:
                        sock.sendto(data, (k_tern, 7))
                        return sock.recv(2000) == data
                    except (TimeoutError, ConnectionRefusedError, OSError):
                        return False
                wait_until(echoed, 10, f"the echo of {data}")
        out, error = process.communicate(timeout=15)
        check_equal(process.returncode, 0, error.decode())
        return out

    with folder() as where, World() as world:
        told = json_lines(echo(world, "--json"))
        check_equal([len(k_foreign), "plain", "\ufffd\ufffd\ufffd", "\x1b[31mred\x1b]0;title\x07"],
                    [len(told), *(one["data"] for one in told[:3])], "datagrams as JSON")
        more = json_lines(echo(world, "--json", "--counters", "--ladder"))
        check_equal([one["event"] for one in more[len(k_foreign):]], ["ladder", "counters"],
                    "what follows the datagrams")
        check(more[-1]["udp_in"] >= len(k_foreign) and more[-2]["rows"], f"{more[-2:]}")
        check_terminal(echo(world), "udp echo")

        server = Server(world, where, "--json", "--counters", "--ladder")
        for data in k_foreign:
            with connect(80, host=k_tern) as sock:
                sock.sendall(b"GET /" + data.replace(b"\n", b"") + b" HTTP/1.1\r\nHost: x\r\n\r\n")
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65536):
                    pass
        out, _ = server.stop()
        check_equal([one["event"] for one in json_lines(out.encode())][-3:],
                    ["end", "ladder", "counters"], "serve --json")
    code, out, error = tern("demo", "wire", "--size", "20000", "--json", "--counters", "--ladder",
                            tap=None)
    check_equal(code, 0, error)
    check_equal([one.get("event") for one in json_lines(out.encode())][-2:],
                ["ladder", "counters"], "demo wire --json")


@test()
def what_cannot_be_written_is_no_success():
    full = "/dev/full"
    scenario = str(k_root / "examples/sim/bulk.toml")
    demo = ("demo", "wire", "--size", "20000")
    with open(full, "w") as nowhere:
        for words in (("show", "loss"), ("show", "loss", "--json"), ("sim", scenario),
                      ("sim", scenario, "--json"), ("sim", scenario, "--ladder", "first"),
                      ("chaos", "--seeds", "2"), ("chaos", "--seed", "1"), demo,
                      ("show", "--help"), ("--version",)):
            done = subprocess.run([command(), *words], stdout=nowhere, stderr=subprocess.PIPE,
                                  text=True, timeout=60)
            check_equal(done.returncode, 1, f"tern {words} > {full}: {done.stderr}")
            check("No space left" in done.stderr or "is there room" in done.stderr,
                  f"tern {words}: {done.stderr}")
    for option in ("--ladder-file", "--capture"):
        code, _, error = tern(*demo, option, full, tap=None)
        check_equal(code, 1, f"{option} {full}: {error}")
        check(f"{full}: not all could be written: No space left" in error, error)
    code, _, error = tern(*demo, "--ladder-file", "/nonexistent/x", tap=None)
    check_equal(code, 1, error)
    check("make its folder first" in error, error)


@test()
def a_device_that_is_removed_is_told():
    for words in (("ping", k_kernel, "-c", "60000", "-i", "0.05"),
                  ("udp", "echo", "--port", "7")):
        with World() as world:
            process = world.start(command(), *words, "--link", world.link,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            check(Lines(process.stdout).next(10) is not None, f"tern {words} says nothing")
            run("ip", "link", "del", "tap0")
            out, error = process.communicate(timeout=15)
            check_equal(process.returncode, 3, f"tern {words}: {error.decode()}")
            check("tap:tap0: the device is gone" in error.decode(), f"tern {words}: {error}")
            check(words[0] != "ping" or b" received" in out, f"no summary: {out}")


@test()
def show_fits_a_terminal_and_explains_itself():
    for story in ("handshake", "close", "loss", "reset"):
        for words, width in (((), 80), (("--width", "100"), 100)):
            code, out, error = tern("show", story, *words, tap=None)
            check_equal(code, 0, error)
            widest = max(out.splitlines(), key=len)
            check(len(widest) <= width, f"show {story} {words}: {len(widest)} columns: {widest}")
            check("S SYN, F FIN" in out, f"show {story}: no legend")
            check(out.count("--- ") > 2, f"show {story}: no arrows")
    listening = tern("show", "handshake", tap=None)[1]
    check("LISTEN" in listening and "the application listens" in listening, listening)


@test()
def numbers_that_do_not_fit_are_refused():
    big = "99999999999999999999"
    for words in (("chaos", "--seeds", big), ("chaos", "--segments", big),
                  ("chaos", "--from", big), ("chaos", "--seed", big), ("chaos", "--seeds", "0"),
                  ("chaos", "--seeds", "-1"), ("sim", "x.toml", "--seed", big),
                  ("sim", "x.toml", "--seeds", big), ("demo", "wire", "--seed", big),
                  ("wire", "tap:a", "tap:b", "--seed", big), ("ping", "10.0.0.1", "--seed", big),
                  ("ping", "10.0.0.1", "--count", big), ("udp", "echo", "--count", big),
                  ("show", "loss", "--drop", big)):
        code, out, error = tern(*words, tap=None, timeout=20)
        check_equal(code, 2, f"tern {words}: {out}{error}")
        check("whole number" in error or "range" in error, f"tern {words}: {error}")


@test()
def the_words_of_run_are_read_before_anything_is_built():
    for words, code in ((("--help",), 0), (("-h",), 0), (("--size", "5", "--help"), 0),
                        (("--nonsense",), 2), (("--size",), 1)):
        done = subprocess.run([str(k_root / "run"), *words], capture_output=True, text=True,
                              timeout=60)
        check_equal(done.returncode, code, f"./run {words}: {done.stderr}")
        said = done.stdout + done.stderr
        check("build" not in said.replace("build/release", ""), f"./run {words} builds: {said}")
        check("usage" in said or "--size needs" in said, f"./run {words}: {said}")


@test()
def progress_is_told_on_a_terminal():
    import pty
    for words, said in ((("sim", str(k_root / "examples/sim/bulk.toml")), b" s"),
                        (("chaos", "--seeds", "40"), b"worlds")):
        ours, theirs = pty.openpty()
        try:
            done = subprocess.run([command(), *words], stdout=subprocess.DEVNULL, stderr=theirs,
                                  timeout=120)
            os.set_blocking(ours, False)
            shown = os.read(ours, 65536)
        finally:
            os.close(ours)
            os.close(theirs)
        check_equal(done.returncode, 0, f"tern {words}")
        check(b"\r" in shown and b" of " in shown and said in shown, f"tern {words}: {shown}")


if __name__ == "__main__":
    sys.exit(main())
