"""A wire tap: a TCP relay that keeps every byte, and passes on how each side left.

    tap = stage.add(Tap(sim.port))
    gateway = stage.gateway(tap.base_url)
    tap.exchanges       each request's bytes and what came back for it, in order

With it a test can compare what an upstream really sent with what a client saw.
"""
import socket
import struct
import threading


class Exchange:
    """The bytes up of one request (or several pipelined ones), and the bytes down for it."""

    def __init__(self, connection):
        self.up = b""
        self.down = b""
        self.ended = connection["ended"]  # set once the gateway was told that the upstream left


def body_of(raw):
    """(head, body) of an answer's bytes: interim answers left out, framing removed
    as far as the bytes are good; (None, b"") when there is no head."""
    while True:
        if b"\r\n\r\n" not in raw:
            return None, b""
        head, raw = raw.split(b"\r\n\r\n", 1)
        if not head.startswith(b"HTTP/1.1 1"):
            break
    lower = head.lower()
    if b"transfer-encoding: chunked" in lower:
        return head, _unchunked(raw)
    if b"content-length: " in lower:
        length = int(lower.split(b"content-length: ", 1)[1].split(b"\r\n")[0])
        return head, raw[:length]
    return head, raw


def _unchunked(raw):
    body = b""
    while b"\r\n" in raw:
        line, raw = raw.split(b"\r\n", 1)
        try:
            size = int(line, 16)
        except ValueError:
            break
        body += raw[:size]
        if size == 0 or len(raw) < size + 2:
            break
        raw = raw[size + 2:]
    return body


class Tap:
    def __init__(self, port):
        self.port = port
        self.exchanges = []
        self._lock = threading.Lock()
        self._open = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/api/anthropic/"
        threading.Thread(target=self._accept, daemon=True).start()

    def find(self, mark):
        """The exchanges whose request holds the bytes."""
        with self._lock:
            return [e for e in self.exchanges if mark in e.up]

    def stop(self):
        for s in [self._listener, *list(self._open)]:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._listener.close()

    def _accept(self):
        while True:
            try:
                below, _ = self._listener.accept()
            except OSError:
                return
            try:
                above = socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                self._leave(below, is_reset=True)
                continue
            for s in (below, above):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open |= {below, above}
            link = {"current": None, "ended": threading.Event()}
            threading.Thread(target=self._copy, args=(link, below, above, True), daemon=True).start()
            threading.Thread(target=self._copy, args=(link, above, below, False), daemon=True).start()

    def _note(self, link, data, is_up):
        with self._lock:
            current = link["current"]
            if is_up and (current is None or current.down):
                current = link["current"] = Exchange(link)
                self.exchanges.append(current)
            if is_up:
                current.up += data
            elif current:
                current.down += data

    def _copy(self, link, source, sink, is_up):
        is_reset = False
        try:
            while data := source.recv(65536):
                self._note(link, data, is_up)
                sink.sendall(data)
        except OSError as error:
            is_reset = isinstance(error, ConnectionResetError)
        self._leave(sink, is_reset)
        if not is_up:
            link["ended"].set()

    def _leave(self, sink, is_reset):
        """A reset is passed on as a reset, an end as an end."""
        try:
            if not is_reset:
                sink.shutdown(socket.SHUT_WR)
                return
            sink.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sink.shutdown(socket.SHUT_RD)  # wakes the other thread, which would keep the socket open
            sink.close()
        except OSError:
            pass
