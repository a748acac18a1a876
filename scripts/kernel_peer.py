#!/usr/bin/env python3
"""The kernel's side of the main job: what tern talks to, on ordinary sockets.

  kernel_peer.py http DIR ADDRESS PORT       serves a directory; the body goes out by sendfile(2)
  kernel_peer.py udp-echo ADDRESS PORT       sends the first datagram back, then ends
  kernel_peer.py udp-send ADDRESS PORT TEXT  sends a datagram until an answer comes; prints it
"""
import functools
import http.server
import socket
import sys


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def copyfile(self, source, outputfile):
        outputfile.flush()
        if hasattr(source, "fileno"):
            self.connection.sendfile(source)
        else:
            outputfile.write(source.read())

    def log_message(self, *args):
        pass


def serve(folder, address, port):
    handler = functools.partial(Handler, directory=folder)
    with http.server.ThreadingHTTPServer((address, int(port)), handler) as server:
        print("ready", flush=True)
        server.serve_forever()


def udp_echo(address, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((address, int(port)))
        print("ready", flush=True)
        data, peer = s.recvfrom(65536)
        s.sendto(data, peer)


def udp_send(address, port, text):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect((address, int(port)))
        s.settimeout(0.5)
        for _ in range(10):
            try:
                s.send(text.encode())
                print(s.recv(65536).decode())
                return
            except (TimeoutError, ConnectionRefusedError):
                continue
        sys.exit("no answer")


def main():
    commands = {"http": serve, "udp-echo": udp_echo, "udp-send": udp_send}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    try:
        commands[sys.argv[1]](*sys.argv[2:])
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
