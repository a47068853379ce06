"""A raw upstream: records what arrives to the last byte, answers what it is told.

    recorder = stage.recorder()
    recorder.answer(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nhi")
    recorder.answer(head, event, more, RESET)      steps of one answer

The steps of an answer: bytes are sent as they are; a threading.Event is waited
for; a callable is called with the request; CLOSE and RESET end the connection.
Without a queued answer, the default one is given.
"""
import socket
import ssl
import struct
import threading
import time

CLOSE = "close"
RESET = "reset"
OK = (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",)


def plain(body, status="200 OK", headers=()):
    """An answer with a Content-Length."""
    lines = [f"HTTP/1.1 {status}", *(f"{n}: {v}" for n, v in headers), f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class Request:
    """One request as it came.  left is set when its client closed before the answer was over."""

    def __init__(self, head, connection):
        self.head = head
        self.connection = connection
        self.at = time.monotonic()
        first, *lines = head.split(b"\r\n")
        self.method, self.target, self.version = first.decode("latin-1").split(" ", 2)
        self.raw_headers = lines
        self.headers = [tuple(part.strip() for part in line.decode("latin-1").split(":", 1)) for line in lines]
        self.body = b""
        self.chunked = "chunked" in self.header("transfer-encoding", "").lower()
        self.answered = threading.Event()
        self.left = threading.Event()
        self.left_at = None
        self.bytes_sent = 0

    def header(self, name, default=None):
        return next((value for key, value in self.headers if key.lower() == name.lower()), default)

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Recorder:
    """certificate is a (certificate file, key file) pair for TLS.  read_delay
    is called before each read of a body, to make a slow reader."""

    def __init__(self, certificate=None, send_buffer=None):
        self.requests = []
        self.connections = 0
        self.default = OK
        self._answers = []
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._stopped = False
        self._send_buffer = send_buffer
        self._tls = None
        if certificate:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*certificate)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self.base_url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}/api/anthropic/"
        self._open = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def answer(self, *steps):
        with self._lock:
            self._answers.append(steps)

    def wait_request(self, count=1, limit_s=20.0):
        """Request number count (from 1), its body complete."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= count, limit_s):
                raise AssertionError(f"waited {limit_s:g} s for request {count} upstream; {len(self.requests)} came")
            return self.requests[count - 1]

    def open_count(self):
        """Connections that this side has not closed."""
        with self._lock:
            return len(self._open)

    def stop(self):
        self._stopped = True
        # shutdown, since close() alone leaves a blocked accept() waiting
        for s in [self._listener, *list(self._open)]:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._listener.close()

    def _accept(self):
        while not self._stopped:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if self._send_buffer:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._send_buffer)
            with self._lock:
                self.connections += 1
                number = self.connections
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, raw, number):
        connection = raw
        try:
            if self._tls:
                connection = self._tls.wrap_socket(raw, server_side=True)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            buffer = b""
            while True:
                request, buffer = self._read(connection, number, buffer)
                if request is None or not self._give(connection, request):
                    return
        except (OSError, ValueError):
            pass
        finally:
            connection.close()
            with self._lock:
                self._open.discard(raw)

    def _read(self, connection, number, buffer):
        while b"\r\n\r\n" not in buffer:
            data = connection.recv(65536)
            if not data:
                return None, b""
            buffer += data
        head, buffer = buffer.split(b"\r\n\r\n", 1)
        request = Request(head, number)
        if request.chunked:
            buffer = self._read_chunks(connection, request, buffer)
        else:
            parts, have, length = [buffer], len(buffer), int(request.header("content-length", "0"))
            while have < length:
                data = connection.recv(1 << 20)
                if not data:
                    return None, b""
                parts.append(data)
                have += len(data)
            buffer = b"".join(parts)
            request.body, buffer = buffer[:length], buffer[length:]
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
        return request, buffer

    def _read_chunks(self, connection, request, buffer):
        def need(condition):
            nonlocal buffer
            while not condition():
                data = connection.recv(1 << 20)
                if not data:
                    raise ValueError("the client left in mid-body")
                buffer += data
        while True:
            need(lambda: b"\r\n" in buffer)
            line, buffer = buffer.split(b"\r\n", 1)
            size = int(line.split(b";")[0], 16)
            need(lambda: len(buffer) >= size + 2)
            request.body += buffer[:size]
            buffer = buffer[size + 2:]
            if size == 0:
                return buffer

    def _give(self, connection, request):
        """Carries out one answer; False when the connection is over."""
        with self._lock:
            steps = self._answers.pop(0) if self._answers else self.default
        try:
            for step in steps:
                if isinstance(step, threading.Event):
                    if not self._wait(connection, request, step):
                        return False
                elif step in (CLOSE, RESET):
                    if step == RESET:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return False
                elif callable(step):
                    step(request)
                else:
                    connection.sendall(step)
                    request.bytes_sent += len(step)
            request.answered.set()
            return True
        except OSError:
            self._note_left(request)
            return False

    def _wait(self, connection, request, event):
        """Until the event is set; False when the client left first (or we stop)."""
        connection.settimeout(0.005)
        try:
            while not event.is_set():
                if self._stopped:
                    return False
                try:
                    if connection.recv(1, socket.MSG_PEEK if not self._tls else 0) == b"":
                        raise ConnectionError
                    event.wait(0.005)  # pipelined bytes: nothing to learn from them
                except TimeoutError:
                    continue
                except OSError:
                    self._note_left(request)
                    return False
        finally:
            connection.settimeout(None)
        return True

    @staticmethod
    def _note_left(request):
        request.left_at = time.monotonic()
        request.left.set()
