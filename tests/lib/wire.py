"""HTTP/1.1 on a raw socket: byte-exact, header by header, piece by piece.

Nothing is normalised: what is sent is what the test says, and what came is kept
as it came.
"""
import socket
import struct
import time


class Response:
    """One answer.  complete is False when the connection broke before the
    answer's own framing said it was over."""

    def __init__(self, head):
        self.raw_head = head
        lines = head.split(b"\r\n")
        version, status, *reason = lines[0].decode("latin-1").split(" ", 2)
        self.version, self.status, self.reason = version, int(status), reason[0] if reason else ""
        self.headers = [tuple(part.strip() for part in line.decode("latin-1").split(":", 1)) for line in lines[1:] if line]
        self.body = b""
        self.chunks = []
        self.complete = False
        self.error = None  # how the connection broke

    def header(self, name, default=None):
        """The first value of the name, in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), default)

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def __repr__(self):
        state = "complete" if self.complete else f"broken ({self.error})"
        return f"<{self.status} {self.reason} {self.headers} {len(self.body)} bytes {self.body[:200]!r} {state}>"


class Broken(Exception):
    """The connection ended in the middle of something."""


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def format_request(method, target, headers=(), body=b"", host=None, chunked=False, length=True):
    """The head (and body) of a request.  headers are (name, value) pairs, sent in order after Host."""
    lines = [f"{method} {target} HTTP/1.1"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in headers]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
    elif length and (body or method in ("POST", "PUT", "PATCH")):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


class Client:
    """One connection.  limit_s bounds every single wait."""

    def __init__(self, host, port, limit_s=20.0, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(limit_s)
        self.socket.connect((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.host = f"{host}:{port}"
        self._buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Leaves with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def send_request(self, method, target, headers=(), body=b"", host=None, chunked=False, length=True):
        """chunked may be True (one chunk) or a list of pieces."""
        self.send(format_request(method, target, headers, body, host or self.host, bool(chunked), length))
        if chunked:
            pieces = [body] if chunked is True else chunked
            self.send(b"".join(chunk(piece) for piece in pieces if piece) + b"0\r\n\r\n")
        elif body:
            self.send(body)

    # -- reading -------------------------------------------------------------
    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise Broken("closed")
        self._buffer += data

    def _until(self, mark):
        while mark not in self._buffer:
            self._more()
        found, self._buffer = self._buffer.split(mark, 1)
        return found

    def _exactly(self, count):
        while len(self._buffer) < count:
            self._more()
        found, self._buffer = self._buffer[:count], self._buffer[count:]
        return found

    def read_head(self):
        """The next answer's head; its body is still to be read."""
        return Response(self._until(b"\r\n\r\n"))

    def pieces(self, response, method="GET"):
        """The body piece by piece as it comes; fills response as it goes."""
        try:
            for piece in self._pieces(response, method):
                response.body += piece
                yield piece
            response.complete = True
        except (Broken, OSError) as error:
            response.error = str(error) or type(error).__name__

    def _pieces(self, response, method):
        length = response.header("content-length")
        if method == "HEAD" or response.status in (204, 304) or response.status < 200:
            return
        if "chunked" in response.header("transfer-encoding", "").lower():
            yield from self._chunks(response)
        elif length is not None:
            left = int(length)
            while left:
                if not self._buffer:
                    self._more()
                piece = self._exactly(min(left, len(self._buffer)))
                left -= len(piece)
                yield piece
        else:
            yield from self._to_end()

    def _chunks(self, response):
        while True:
            line = self._until(b"\r\n")
            size = int(line.split(b";")[0], 16)
            if size == 0:
                while self._until(b"\r\n"):
                    pass
                return
            piece = self._exactly(size)
            if self._exactly(2) != b"\r\n":
                raise Broken("a chunk without its end")
            response.chunks.append(piece)
            yield piece

    def _to_end(self):
        while True:
            if self._buffer:
                piece, self._buffer = self._buffer, b""
                yield piece
            try:
                self._more()
            except Broken:
                return

    def read_response(self, method="GET"):
        """The next whole answer (1xx passed over)."""
        response = self.read_head()
        while 100 <= response.status < 200:
            response = self.read_head()
        for _ in self.pieces(response, method):
            pass
        return response

    def events(self, response):
        """(seconds since the call, name, data) of each server-sent event as it comes."""
        start, text = time.monotonic(), b""
        for piece in self.pieces(response):
            text += piece
            while b"\n\n" in text:
                event, text = text.split(b"\n\n", 1)
                fields = dict(line.split(b": ", 1) for line in event.split(b"\n") if b": " in line)
                yield time.monotonic() - start, fields.get(b"event", b"").decode(), fields.get(b"data", b"")

    def wait_closed(self, limit_s=10.0):
        """True when the other side ends the connection within the limit; what came is kept."""
        self.socket.settimeout(limit_s)
        try:
            while True:
                self._more()
        except (Broken, ConnectionError):
            return True
        except TimeoutError:
            return False
