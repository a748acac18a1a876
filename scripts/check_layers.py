#!/usr/bin/env python3
"""Checks who includes whom, who knows the bytes of an IP header, and what the core archives call,
against docs/architecture.md.

  check_layers.py includes [--root DIR]     every #include line of our C++, every literal offset
  check_layers.py symbols --build DIR       undefined symbols of the archives of core
"""
import argparse
import pathlib
import re
import subprocess
import sys

from common import Report, k_root, tracked, without_comments

# Room -> rooms, or single files, of ours that it may include beside itself and the public headers.
# A file belongs to the room with the longest name that fits.
k_may_include = {
    "src/core/base": [],
    "src/core/wire": ["src/core/base"],
    "src/core/packet": ["src/core/base", "src/core/wire"],
    "src/core/offload": ["src/core/base", "src/core/wire", "src/core/packet"],
    "src/core/event": ["src/core/base", "src/core/wire"],
    "src/core/inet": ["src/core/base", "src/core/wire", "src/core/packet", "src/core/event",
                      "src/core/inet/address", "src/core/inet/neighbor", "src/core/inet/route",
                      "src/core/inet/v4"],
    # The parts know nothing of each other: what they ask of their surroundings is an interface of
    # theirs, and core/inet/inside.hh answers.
    "src/core/inet/address": ["src/core/base"],
    "src/core/inet/neighbor": ["src/core/base", "src/core/wire", "src/core/packet",
                               "src/core/event"],
    "src/core/inet/route": ["src/core/base"],
    "src/core/inet/v4": ["src/core/base", "src/core/wire", "src/core/packet", "src/core/event",
                         "src/core/inet/values.hh", "src/core/inet/token_bucket.hh"],
    "src/core/udp": ["src/core/base", "src/core/wire", "src/core/packet", "src/core/event",
                     "src/core/inet/inet.hh"],
    "src/core/tcp": ["src/core/base", "src/core/wire", "src/core/packet", "src/core/event",
                     "src/core/tcp/congestion", "src/core/tcp/receiver", "src/core/tcp/recovery",
                     "src/core/tcp/ecn",
                     "src/core/inet/inet.hh"],
    "src/core/tcp/ecn": ["src/core/base", "src/core/wire"],
    "src/core/tcp/receiver": ["src/core/base", "src/core/wire", "src/core/packet"],
    "src/core/tcp/congestion": ["src/core/base"],
    "src/core/tcp/recovery": ["src/core/base", "src/core/wire"],
    "src/core/stack": ["src/core"],
    "src/os/link": ["src/core/base", "src/core/packet", "src/core/wire", "src/core/offload"],
    "src/os/runtime": ["src/core", "src/os/link"],
    "src/sockets": ["src/core", "src/os/runtime", "src/os/link"],
    "src/lab": ["src/core", "src/os/link/virtual_wire.hh", "src/os/link/impair.hh",
                "src/os/link/impairment.hh"],
    "include/tern": [],
    "tools": [],
    "bench": ["src"],
    "examples": [],
    "tests": ["src", "tools", "bench", "examples"],
}

# Public headers that stand for more than values; core may include none of them.
k_not_for_core = {"tern.hh", "asio.hh", "blocking.hh", "runtime.hh", "sim.hh", "link.hh", "tern.h"}

# Core includes the standard library alone, and of it nothing that reads a clock, waits, throws
# dice, locks or prints. Intrinsics are what the SIMD twins are made of; the sanitizer's header lets
# a pool mark what is free. The same holds for the links that make no system call.
k_pure = re.compile(r"src/core/|src/os/link/(virtual_wire|impair\w*)\.")
k_core_others = {"immintrin.h", "emmintrin.h", "arm_neon.h", "arm_acle.h",
                 "sanitizer/asan_interface.h"}
k_core_std_forbidden = {
    "atomic", "barrier", "condition_variable", "coroutine", "csetjmp", "csignal", "ctime",
    "filesystem", "fstream", "future", "iostream", "latch", "mutex", "random", "semaphore",
    "shared_mutex", "stop_token", "thread", "regex", "sstream", "iomanip", "locale",
}

# What no archive of core may leave undefined.
k_core_archives = ["base", "wire", "packet", "offload", "event", "inet", "udp", "tcp", "core"]
k_forbidden_symbols = re.compile(
    r"^(clock_gettime|clock_nanosleep|clock|gettimeofday|time|nanosleep|usleep|sleep"
    r"|socket|socketpair|bind|listen|accept4?|connect|shutdown|read|readv|write|writev|pread\w*"
    r"|pwrite\w*|recv|recvfrom|recvmm?sg|send|sendto|sendmm?sg|open|openat|close|ioctl|fcntl|mmap"
    r"|munmap|poll|ppoll|select|epoll_\w+|io_uring_\w+|eventfd|timerfd_\w+|signal|sigaction|syscall"
    r"|pthread_\w+|getenv|secure_getenv|rand|rand_r|srand|random|srandom|[dlm]rand48|arc4random\w*"
    r"|getrandom|getentropy|fopen\w*|fork|exec\w+|system"
    r"|__cxa_throw|__cxa_allocate_exception|__cxa_rethrow|__dynamic_cast|__tls_get_addr"
    r"|_ZNSt6chrono\w+clock3nowEv|_ZNSt13random_device\w+|_ZNSt6thread\w+)$")

# Only core/wire knows at which byte of an IP header a field lies: the others ask IpView
# (core/wire/ip.hh, decision 0034). What such knowledge looks like elsewhere:
k_ip_bytes = {
    # A load or store at a number, but for headers whose name says that they are others.
    "a literal offset": re.compile(
        r"\b(?:load|store)(?:16|32|_big<\w+>|_native<\w+>)\((?:[^()]|\([^()]*\))*?"
        r"\b(?!(?:tcp|udp|icmp|arp|transport|transport_header|message|ports)\b)\w+(?:\(\)|->)*"
        r"\s*\+\s*\d"),
    "a byte of a header": re.compile(
        r"\b(?:ip|ip4|ip6|ipv4|ipv6|network|packet|network_header\(\))\s*(?:\[\s*\d|\+\s*\d)"),
    "the place of a field": re.compile(
        r"\bk_(?:(?:ip|ip4|ip6|ipv4|ipv6|v4|v6)_\w+|total_length|fragment|protocol|ttl|hop_limit"
        r"|header_sum|addresses|source|destination)\s*=\s*(?:[0-9]|[12][0-9]|3[0-9])\b"),
    "a version or a header length": re.compile(
        r">>\s*4\s*[!=]=\s*[46]\b|(?:&\s*15u?\s*\)?|%\s*16)\s*\*\s*4|\b0x45\b"),
    "bits of the fragment offset": re.compile(r"\b0x[13]fff\b"),
}
k_ip_bytes_in = re.compile(r"(src|include|tools|examples)/(?!core/(?:base|wire)/)")
k_not_ip_bytes = {
    "src/core/tcp/arrives/train.cc": "TCP headers of a train, word by word",
}

k_include = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.M)


def room_of(path):
    """The room with the longest name that contains path; None for a file in no room."""
    name = path.as_posix()
    fitting = [room for room in k_may_include if name.startswith(room + "/")]
    return max(fitting, key=len, default=None)


def resolve(root, includer, name):
    """The file of ours that an include line names, relative to root; None if there is none."""
    for base in (*includer.parents, pathlib.Path("src"), pathlib.Path("include"),
                 pathlib.Path("tools")):
        full = (root / base / name).resolve()
        if full.is_file() and full.is_relative_to(root.resolve()):
            return full.relative_to(root.resolve())
    return None


def allowed(room, target):
    """Whether a file in `room` may include the file `target`."""
    name = target.as_posix()
    if name.startswith("include/tern/"):
        return not (room.startswith("src/core") and target.name in k_not_for_core)
    if room_of(target) == room:
        return True
    for entry in k_may_include[room]:
        if name == entry or name.startswith(entry + "/"):
            # A room named whole does not hand out a room inside it that has its own row,
            # unless that row is named too or the whole of a building is.
            inner = room_of(target)
            return (inner == entry or entry == name or inner not in k_may_include
                    or entry.count("/") <= 1)
    return False


def check_includes(root, report):
    layers = report.rule("include lines")
    system = report.rule("pure code includes the standard library alone")
    files = [f for f in tracked(root, "*.hh", "*.cc", "*.h") if room_of(f)]
    for path in files:
        room = room_of(path)
        text = without_comments((root / path).read_text(), keep_strings=True)
        for match in k_include.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            quoted, angled = match.group(1), match.group(2)
            where = f"{path}:{line}"
            if angled and not angled.startswith("tern/"):
                if k_pure.match(path.as_posix()):
                    standard = "/" not in angled and "." not in angled
                    if not (standard or angled in k_core_others):
                        system.append(f"{where} includes <{angled}>")
                    elif angled in k_core_std_forbidden:
                        system.append(f"{where} includes <{angled}>, no use to pure code")
                continue
            target = resolve(root, path, quoted or angled)
            if target is None:
                layers.append(f'{where} includes "{quoted or angled}", which is no file of ours')
            elif room_of(target) is not None and not allowed(room, target):
                layers.append(f"{where} ({room}) may not include {target}")
            elif room_of(target) is None:
                layers.append(f"{where} includes {target}, which is in no room")
    if not files:
        layers.append("no file found")
    return len(files)


def check_ip_bytes(root, report):
    rule = report.rule("only core/wire knows the bytes of an IP header")
    for path in tracked(root, "*.hh", "*.cc", "*.h"):
        name = path.as_posix()
        if not k_ip_bytes_in.match(name) or name in k_not_ip_bytes:
            continue
        text = without_comments((root / path).read_text())
        for what, pattern in k_ip_bytes.items():
            for match in pattern.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                found = " ".join(match.group(0).split())
                rule.append(f"{path}:{line} has {what}: {found}")
    rule += [f"k_not_ip_bytes names {name}, which is not there" for name in k_not_ip_bytes
             if root == k_root and not (root / name).is_file()]


def check_symbols(build, report):
    symbols = report.rule("symbols of core")
    archives = [a for name in k_core_archives for a in sorted(build.rglob(f"libtern_{name}.a"))]
    if not archives:
        symbols.append(f"no archive libtern_*.a of core under {build}")
    for archive in archives:
        out = subprocess.run(["nm", "-u", "-A", "--format=posix", str(archive)],
                             capture_output=True, text=True, check=True).stdout
        for line in out.splitlines():  # archive[object]: symbol U
            where, _, rest = line.rpartition(": ")
            symbol = rest.split()[0].split("@")[0] if rest.split() else ""
            if k_forbidden_symbols.match(symbol):
                unit = where.rpartition("[")[2].rstrip("]")
                symbols.append(f"{archive.name}({unit}) calls {symbol}")
    return len(archives)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["includes", "symbols"])
    parser.add_argument("--root", type=pathlib.Path, default=k_root)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    options = parser.parse_args()
    report = Report("layers")
    if options.what == "includes":
        note = f" ({check_includes(options.root, report)} files)"
        check_ip_bytes(options.root, report)
    else:
        note = f" ({check_symbols(options.build, report)} archives)"
    return report.finish(note)


if __name__ == "__main__":
    sys.exit(main())
