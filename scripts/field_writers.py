#!/usr/bin/env python3
"""Prints for each field of a connection (the Tcb) which folders of core/tcp write it.

  field_writers.py            the table
  field_writers.py --check    fails where a folder writes a field that k_writers does not allow it

A field that one folder writes needs no line. The others have one, with the reason; whoever wants
to write a field in one folder more says there why.
"""
import argparse
import re
import sys

from common import Report, k_root, without_comments

k_tcp = k_root / "src/core/tcp"

# Folders that write a field, where it is more than one, and why; "." is core/tcp itself, where
# records come and go. Whoever wants to write a field in one folder more says here why.
k_birth = "a connection is born by calls (active), handshake (passive) or arrives (SYN-ACK)"
k_number = "acknowledgements, segments that leave and a go-back move it, and a birth sets it"
k_queue = "made when the first byte comes, freed when the last one has gone"
k_episode = "begins where a loss or a mark is found, ends where it is acknowledged"
k_read = "an acknowledgement that waits for the reader: text asks, a timer or an answer decides"
k_writers = {
    "snd.una": ("arrives calls handshake", k_number),
    "snd.nxt": (". arrives calls handshake output timeouts", k_number),
    "snd.max": ("arrives calls handshake output", k_number),
    "snd.iss": ("calls handshake", k_birth),
    "rcv": ("arrives handshake", "each asks ReceiveWindow, the one writer of RCV.NXT"),
    "timers": (". timeouts", "a deadline is set in an inline function of room.hh"),
    "snd_wind_shift": ("arrives handshake", k_birth),
    "rcv_wind_shift": ("arrives handshake", k_birth),
    "ecn": ("arrives calls handshake", k_birth),
    "ect": ("arrives handshake", "agreed when the handshake ends, given up when marks are mangled"),
    "cwr_due": (". output", k_episode),
    "marked": (". arrives", k_episode),
    "probed": ("arrives output", "a probe that leaves sets it, a round trip clears it"),
    "receive_queue": (". arrives", k_queue),
    "send_queue": (". arrives calls", k_queue),
    "cold": (". calls handshake", k_birth),
    "ts_recent": ("arrives handshake", k_birth),
    "ts_recent_second": ("arrives handshake", k_birth),
    "ts_offset": ("calls handshake", k_birth),
    "last_ack_sent": ("arrives handshake output", k_birth),
    "window": (". arrives handshake", "each asks CongestionWindow, which alone writes cwnd"),
    "recover": (". arrives calls handshake", k_episode),
    "send_mss": ("arrives calls handshake", k_birth),
    "peer_mss": ("arrives handshake", k_birth),
    "dup_acks": (". arrives", k_episode),
    "backoff": ("arrives timeouts", "an expiry counts it up, an acknowledgement ends it"),
    "rtt_seq": ("handshake output", k_birth),
    "flight": (". arrives", k_queue),
    "rtt_start_us": ("handshake output", k_birth),
    "rtt": (". arrives timeouts", "each asks Rtt, which alone writes what it holds"),
    "event_next": ("calls handshake", "the accept queue is filled by one and emptied by the other"),
    "orphan": (". calls", "an orphan is made by release(), and Orphans keeps its list"),
    "error": (". calls", "the end sets it, and the application takes it"),
    "soft_error": (". calls", "an ICMP error sets it, and the application takes it"),
    "answers": ("output timeouts", k_read),
    "ack_when_read": ("arrives output timeouts", k_read),
    "acked_when_read": ("calls output", k_read),
    "way": ("calls handshake", k_birth),
    "user": ("calls handshake", k_birth),
    "buffers": (". calls handshake", k_birth),
}


def fields():
    """Dotted names of the fields of Tcb; those of its nested structs with their prefix."""
    text = without_comments((k_tcp / "tcb.hh").read_text())
    body = text[text.index("struct alignas(64) Tcb {"):text.index("Tcb() {}")]
    names, prefix, pending = [], None, []
    for line in body.splitlines()[1:]:
        line = line.strip()
        if line.startswith("struct "):
            prefix = []
        elif match := re.match(r"\}\s*(\w+)?;", line):
            if prefix is not None and match[1]:
                names += [f"{match[1]}.{name}" for name in prefix]
            prefix = None
        elif "std::array" not in line and re.match(r"[\w:<> ]+ [\w, =:{}\[\]x]+;", line):
            declared = re.sub(r"=[^,;]*|\{[^}]*\}|:\s*\d+", "", line.rstrip(";"))
            first, *more = declared.split(",")
            found = [first.split()[-1]] + [name.strip() for name in more]
            (names if prefix is None else prefix).extend(found)
    return names


def writers(name):
    """(folder, file) pairs that write the field."""
    field = r"\b(?:tcb|\*tcb|tcb->|room\.tcbs\[\w+\])"
    access = field.replace("tcb->", "tcb") + r"(?:\.|->)" + re.escape(name)
    writes = re.compile(
        rf"{access}(?:\[[^\]]*\])?\s*(?:[-+|&^]|<<|>>)?=(?!=)"
        rf"|(?:\+\+|--){access}\b|{access}(?:\+\+|--)"
        rf"|std::exchange\({access}\b|{access}\.(?:begin|sample|back_off|restart\w*|decide|reduce"
        rf"|limit_to_ssthresh|recover|end_recovery|undo|grow|halve\w*|begin_fast_recovery|inflate"
        rf"|deflate|end_fast_recovery|collapse|hold_a_segment|forget_ssthresh)\(")
    found = set()
    for path in sorted(k_tcp.rglob("*.cc")) + sorted(k_tcp.rglob("*.hh")):
        if writes.search(without_comments(path.read_text())):
            folder = path.parent.relative_to(k_tcp).as_posix()
            found.add((folder, path.relative_to(k_tcp).as_posix()))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    table = {name: writers(name) for name in fields()}
    if not args.check:
        for name, found in table.items():
            folders = sorted({folder for folder, _ in found})
            print(f"{name:18} {' '.join(folders):42} {k_writers.get(name, ('', ''))[1]}".rstrip())
        alone = sum(len({f for f, _ in found}) <= 1 for found in table.values())
        print(f"\n{len(table)} fields, {alone} with one folder or none")
        return 0
    report = Report("layers")
    rule = "each field of a connection is written by the folders that field_writers.py names"
    report.rule(rule)
    for name, found in table.items():
        folders = {folder for folder, _ in found}
        allowed = set(k_writers[name][0].split()) if name in k_writers else folders
        if len(folders) > 1 and name not in k_writers:
            report.complain(rule, f"{name} is written by {' '.join(sorted(folders))}: say why, or "
                                  "ask its owner")
        for folder, path in sorted(found):
            if folder not in allowed:
                report.complain(rule, f"{path} writes {name}, as {k_writers[name][0]} may")
        for folder in sorted(allowed - folders):
            report.complain(rule, f"{name} is not written by {folder} any more: take it out")
    for name in sorted(set(k_writers) - set(table)):
        report.complain(rule, f"{name} is no field of the connection")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
