"""check_layers.py finds what section "layers" of docs/architecture.md forbids."""
import pathlib
import shutil
import subprocess
import unittest

import check_layers
from fixture import Repository


class Includes(Repository):
    def includes(self, files):
        for name, text in files.items():
            self.write(name, text)
        return self.run_script("check_layers.py", "includes", "--root", self.root)

    def setUp(self):
        super().setUp()
        for name in ("include/tern/int.hh", "include/tern/asio.hh", "src/core/base/seq.hh",
                     "src/core/wire/tcp.hh", "src/core/packet/packet.hh",
                     "src/core/event/events.hh",
                     "src/core/inet/inet.hh", "src/core/inet/inside.hh",
                     "src/core/inet/values.hh", "src/core/inet/token_bucket.hh",
                     "src/core/inet/address/claims.hh", "src/core/inet/neighbor/cache.hh",
                     "src/core/inet/route/way.hh", "src/core/inet/v4/input.hh",
                     "src/core/tcp/tcb.hh", "src/core/tcp/congestion/algorithm.hh",
                     "src/core/udp/ports.hh", "src/core/stack/stack.hh",
                     "src/os/link/virtual_wire.hh", "src/os/link/tun_tap.hh"):
            self.write(name, "// nothing\n")

    def test_each_room_may_include_its_row(self):
        code, out = self.includes({
            "src/core/tcp/x.cc": '#include "core/base/seq.hh"\n#include "core/inet/inet.hh"\n'
                                 '#include "core/tcp/congestion/algorithm.hh"\n'
                                 '#include "tcb.hh"\n#include "tern/int.hh"\n#include <span>\n',
            "src/core/inet/p.cc": '#include "core/inet/address/claims.hh"\n'
                                  '#include "core/inet/route/way.hh"\n'
                                  '#include "core/inet/v4/input.hh"\n',
            "src/core/inet/v4/q.cc": '#include "core/inet/values.hh"\n'
                                     '#include "core/inet/token_bucket.hh"\n',
            "src/core/inet/address/r.cc": '#include "core/base/seq.hh"\n',
            "src/core/stack/y.cc": '#include "core/udp/ports.hh"\n#include "core/tcp/tcb.hh"\n'
                                   '#include "core/tcp/congestion/algorithm.hh"\n',
            "src/lab/sim/w.cc": '#include "os/link/virtual_wire.hh"\n'
                                '#include "core/inet/neighbor/cache.hh"\n',
            "tools/main.cc": '#include "tern/asio.hh"\n#include <unistd.h>\n',
            "tests/t.cc": '#include "os/link/tun_tap.hh"\n#include "core/tcp/tcb.hh"\n',
        })
        self.assertEqual(code, 0, out)

    def test_each_forbidden_include_is_found(self):
        for name, line in {
            "src/core/base/a.cc": '"core/wire/tcp.hh"',
            "src/core/wire/b.cc": '"core/packet/packet.hh"',
            "src/core/inet/c.cc": '"core/tcp/tcb.hh"',
            "src/core/tcp/d.cc": '"core/udp/ports.hh"',
            "src/core/tcp/e.cc": '"core/inet/neighbor/cache.hh"',
            "src/core/inet/address/p.cc": '"core/inet/route/way.hh"',
            "src/core/inet/address/q.cc": '"core/wire/tcp.hh"',
            "src/core/inet/neighbor/r.cc": '"core/inet/address/claims.hh"',
            "src/core/inet/neighbor/s.cc": '"core/inet/inside.hh"',
            "src/core/inet/route/t.cc": '"core/inet/neighbor/cache.hh"',
            "src/core/inet/route/u.cc": '"core/inet/inet.hh"',
            "src/core/inet/v4/v.cc": '"core/inet/inet.hh"',
            "src/core/inet/v4/w.cc": '"core/inet/address/claims.hh"',
            "src/core/udp/x.cc": '"core/inet/v4/input.hh"',
            "src/core/tcp/f.cc": '"../udp/ports.hh"',
            "src/core/tcp/congestion/g.cc": '"core/tcp/tcb.hh"',
            "src/core/tcp/h.cc": '"tern/asio.hh"',
            "src/core/tcp/i.cc": "<tern/asio.hh>",
            "src/core/tcp/j.cc": '"core/tcp/is_not_there.hh"',
            "src/os/link/k.cc": '"core/stack/stack.hh"',
            "src/lab/l.cc": '"os/link/tun_tap.hh"',
            "tools/m.cc": '"core/base/seq.hh"',
            "examples/n.cc": '"core/tcp/tcb.hh"',
            "include/tern/o.hh": '"core/base/seq.hh"',
        }.items():
            with self.subTest(name):
                path = self.write(name, f"#include {line}\n")
                code, out = self.run_script("check_layers.py", "includes", "--root", self.root)
                self.assert_rule(out, "include lines", False)
                self.assertIn(f"{name}:1", out)
                self.assertEqual(code, 1)
                path.unlink()

    def test_pure_code_includes_the_standard_library_alone(self):
        for line in ("<unistd.h>", "<sys/socket.h>", "<thread>", "<random>", "<fmt/format.h>"):
            for name in ("src/core/inet/a.cc", "src/os/link/virtual_wire.cc"):
                with self.subTest(f"{name} {line}"):
                    _, out = self.includes({name: f"#include {line}\n"})
                    self.assert_rule(out, "standard library alone", False)
                    (self.root / name).unlink()
        _, out = self.includes({"src/core/base/a.cc": "#include <immintrin.h>\n#include <bit>\n",
                                "src/os/link/tun_tap.cc": "#include <unistd.h>\n"})
        self.assert_rule(out, "standard library alone", True)

    def test_an_include_in_a_comment_is_none(self):
        code, out = self.includes({"src/core/base/a.cc": '// #include "core/tcp/tcb.hh"\n'
                                                         '/*\n#include "core/tcp/tcb.hh"\n*/\n'})
        self.assertEqual(code, 0, out)

    def test_only_wire_knows_the_bytes_of_an_ip_header(self):
        lines = ("u32 a = load32(ip + 12);", "u16 a = load16(p.data() + at + 2);",
                 "store16(header + 10, sum);", "auto a = load_native<u16>(bytes.data() + 4);",
                 "u8 a = u8(ip[9]);", "u8 a = u8(v.network[1]);", "u8 a = u8(network_header()[8]);",
                 "constexpr u32 k_ipv4_ttl = 8;", "constexpr u32 k_id = 4, k_protocol = 9;",
                 "constexpr u32 k_v6_length = 4;", "bool a = first >> 4 == 6;",
                 "u32 a = (first & 15u) * 4;", "u32 a = first % 16 * 4;",
                 "bool a = first == std::byte{0x45};", "bool a = (word & 0x1fff) != 0;")
        for line in lines:
            for name, good in (("src/core/inet/a.cc", False), ("src/os/link/b.cc", False),
                               ("tools/c.cc", False), ("src/core/wire/d.cc", True),
                               ("tests/e.cc", True)):
                with self.subTest(f"{name} {line}"):
                    code, out = self.includes({name: f"int x;\n{line}\n"})
                    self.assert_rule(out, "bytes of an IP header", good)
                    self.assertEqual(code, 0 if good else 1, out)
                    (self.root / name).unlink()
        _, out = self.includes({"src/core/inet/a.cc": "u16 a = load16(tcp + 2);\n"
                                "u16 b = load16(p.transport_header() + k_udp_length_at);\n"
                                "// load16(ip + 2) is what nobody does\n"
                                "constexpr u32 k_ip_most = 65535;\nu32 c = load32(arp + 14);\n"})
        self.assert_rule(out, "bytes of an IP header", True)

    def test_nothing_to_check_is_a_failure(self):
        shutil.rmtree(self.root / "src")
        shutil.rmtree(self.root / "include")
        code, _ = self.run_script("check_layers.py", "includes", "--root", self.root)
        self.assertEqual(code, 1)

    def test_longest_room_wins(self):
        room = check_layers.room_of(pathlib.Path("src/core/tcp/congestion/reno.cc"))
        self.assertEqual(room, "src/core/tcp/congestion")


@unittest.skipUnless(shutil.which("g++") and shutil.which("ar"), "no compiler")
class Symbols(Repository):
    def archive(self, code):
        self.write("x.cc", code)
        (self.root / "build/lib").mkdir(parents=True, exist_ok=True)
        subprocess.run(["g++", "-c", "x.cc", "-o", "x.o"], cwd=self.root, check=True)
        subprocess.run(["ar", "rcs", "build/lib/libtern_core.a", "x.o"], cwd=self.root, check=True)
        return self.run_script("check_layers.py", "symbols", "--build", self.root / "build")

    def test_forbidden_calls_are_found(self):
        for code, name in (("#include <time.h>\n"
                            "int f(timespec* t) { return clock_gettime(0, t); }", "clock_gettime"),
                           ("#include <unistd.h>\nlong f(void* p) { return read(0, p, 1); }",
                            "read"),
                           ("#include <stdlib.h>\nint f() { return rand(); }", "rand"),
                           ("#include <pthread.h>\nint f() { return pthread_mutex_lock(nullptr); }",
                            "pthread_mutex_lock"),
                           ("void f() { throw 1; }", "__cxa_throw"),
                           ("#include <chrono>\nlong f() { return std::chrono::steady_clock::now()"
                            ".time_since_epoch().count(); }", "steady_clock")):
            with self.subTest(name):
                exit_code, out = self.archive(code)
                self.assertEqual(exit_code, 1, out)
                self.assertIn(name, out)

    def test_memory_and_own_names_are_allowed(self):
        code, out = self.archive("#include <cstdlib>\nnamespace tern { void read(int); }\n"
                                 "void f() { tern::read(1); std::free(std::malloc(8)); }")
        self.assertEqual(code, 0, out)

    def test_no_archive_is_a_failure(self):
        code, _ = self.run_script("check_layers.py", "symbols", "--build", self.root)
        self.assertEqual(code, 1)
