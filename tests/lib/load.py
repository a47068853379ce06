"""Load that remembers: callers that note what they sent, what they got, and when.

    load = Load(gateway, count=8, seed=1)
    …
    for call in load.stop(): call.id, call.body, call.answer, call.ended_at, …

A moment noted here is never before the gateway's own: what a caller saw at T
had happened by T.
"""
import json
import random
import threading
import time

from spantop import KEY
from wire import Broken

# What Claude Code sends again with every call of a session.
SYSTEM = "".join(f"Rule {n}: a sentence that stands in every request, number {n * 7919}.\n" for n in range(900))


class Call:
    """One call as its client saw it; its row's path ends in its mark.  Times are Unix seconds; None: it did not come so far."""

    def __init__(self, mark, session, body):
        self.mark, self.session, self.body = mark, session, body
        self.id = None
        self.status = None
        self.answer = b""
        self.is_whole = False
        self.head_at = self.ended_at = None


class Load:
    """count callers, one after the other call each, until stop()."""

    def __init__(self, gateway, count, seed, words=(3, 40), prefix="", pause_s=0):
        self._gateway = gateway
        self._words = words
        self._pause_s = pause_s
        self._stop = threading.Event()
        self._calls = [[] for _ in range(count)]
        self._threads = [threading.Thread(target=self._run, args=(n, random.Random(f"{seed}/{n}"), f"{prefix}{seed}-{n}"), daemon=True)
                         for n in range(count)]
        for thread in self._threads:
            thread.start()

    def calls(self):
        return [call for calls in self._calls for call in list(calls)]

    def stop(self, limit_s=30):
        """No new calls; waits for those that run.  All calls, of each caller in order."""
        self._stop.set()
        for thread in self._threads:
            thread.join(limit_s)
            assert not thread.is_alive(), "a caller hangs"
        return self.calls()

    def _body(self, rng, mark):
        text = f"{mark} [[sim words {rng.randint(*self._words)}]] " + rng.randbytes(rng.choice([10, 10, 3000, 60000])).hex()
        return json.dumps({"model": rng.choice(["claude-sonnet-5", "claude-opus-5-5"]), "max_tokens": 4000,
                           "stream": rng.random() < 0.8, "system": SYSTEM,
                           "messages": [{"role": "user", "content": text}]}).encode()

    def _run(self, n, rng, name):
        client, count = None, 0
        while not self._stop.is_set():
            count += 1
            mark = f"{name}-{count}"
            call = Call(mark, f"session-{n}", self._body(rng, mark))
            self._calls[n].append(call)
            try:
                client = client or self._gateway.connect()
                self._call(client, call)
            except (OSError, Broken):
                pass  # as a dying gateway does
            if not call.is_whole:
                if client:
                    client.close()
                client = None
                if self._stop.wait(0.01):
                    return
            if self._pause_s and self._stop.wait(self._pause_s):
                break
        if client:
            client.close()

    @staticmethod
    def _call(client, call):
        client.send_request("POST", f"/api/anthropic/v1/messages?call={call.mark}",
                            [("x-api-key", KEY), ("Content-Type", "application/json"),
                             ("X-Claude-Code-Session-Id", call.session)], call.body)
        answer = client.read_head()
        call.head_at = time.time()
        call.status = answer.status
        call.id = int(answer.header("x-spantop-call-id") or 0)
        for _ in client.pieces(answer):
            pass
        call.answer = answer.body
        if answer.complete:
            call.ended_at = time.time()
            call.is_whole = True
