"""make bench: spantop with full logging beside nginx and haproxy (which log
nothing) and no proxy, in one run, on one core, in alternating rounds.

Absolute times move with the machine; the ratios within a round do not, so the
median of the ratios is what counts.  Ends with status 1 when a call is missing
from the log.

    bench.py [--quick] [--out FILE] [--only NAME]"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import bodies
import proxies

HERE = Path(__file__).parent
BUILD = Path(os.environ.get("SPANTOP_BENCH_BUILD", "build/bench"))
SESSION = "00000000-0000-4000-8000-000000000001"
CLASSES = [proxies.Direct, proxies.Nginx, proxies.Haproxy, proxies.Spantop]


class Scenario:
    def __init__(self, name, query, connections, requests, paths, stagger_us=0, rounds=7, is_paced=False):
        self.name, self.query, self.connections, self.requests = name, query, connections, requests
        self.paths, self.stagger_us, self.rounds, self.is_paced = paths, stagger_us, rounds, is_paced


def scenarios(folder, quick):
    body = [bodies.write_body(folder)]
    turns = bodies.write_conversation(folder)
    small = 0.25 if quick else 1
    rounds = 3 if quick else 7
    return [
        Scenario("90 KB, 50 events in a burst, 1 connection", "events=50&gap_us=0", 1, int(1600 * small), body, rounds=rounds),
        Scenario("90 KB, 50 events in a burst, 16 connections", "events=50&gap_us=0", 16, int(3200 * small), body, rounds=rounds),
        Scenario("growing conversation, 200 turns to 1 MB", "events=50&gap_us=0", 1, 200, turns, rounds=rounds),
        Scenario("40 streams at 50 events/s", "events=100&gap_us=20000", 40, 40, body, 500, min(rounds, 5), True),
        Scenario("200 streams at 50 events/s", "events=100&gap_us=20000", 200, 200, body, 100, min(rounds, 5), True),
    ]


def run_load(proxy, scenario, path):
    command = [BUILD / "load", proxy.port, f"{path}/v1/messages?beta=true&{scenario.query}", scenario.connections,
               scenario.requests, scenario.stagger_us, SESSION, *scenario.paths]
    out = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, preexec_fn=proxies.on_core(proxies.LOAD_CORE),
                         timeout=300)
    if out.returncode != 0:
        raise SystemExit(f"bench: {proxy.name}: {scenario.name}: the load ended with an error")
    return json.loads(out.stdout)


def sample_memory(proxy, stop, peak):
    while not stop.wait(0.2):
        peak.append(proxy.memory_kib())


def measure(proxy, scenario):
    if not hasattr(proxy, "idle_kib"):
        proxy.idle_kib = proxy.memory_kib()
    stop, peak = threading.Event(), []
    sampler = threading.Thread(target=sample_memory, args=(proxy, stop, peak))
    if scenario.is_paced:
        sampler.start()
    before = proxy.cpu_us()
    result = run_load(proxy, scenario, proxy.path)
    if isinstance(proxy, proxies.Spantop):
        proxy.expected = getattr(proxy, "expected", 0) + scenario.requests
        proxy.wait_calls(proxy.expected)
    result["cpu_us"] = (proxy.cpu_us() - before) / scenario.requests
    if scenario.is_paced:
        stop.set()
        sampler.join()
        result["stream_kib"] = (max(peak) - proxy.idle_kib) / scenario.connections
    return result


def run_scenario(scenario, folder, origin):
    """Fresh proxies, one warm-up round, then rounds in turn; results by proxy name."""
    started = [c(Path(folder) / scenario.name.replace(" ", "_"), origin) for c in CLASSES]
    results = {p.name: [] for p in started}
    try:
        for p in started:
            measure(p, scenario)
        spantop = started[-1]
        bytes_before, calls_before = spantop.log_bytes(), spantop.expected
        for i in range(scenario.rounds):
            for p in started[i % len(started):] + started[:i % len(started)]:
                results[p.name].append(measure(p, scenario))
        log_bytes = (spantop.log_bytes() - bytes_before) / (spantop.expected - calls_before)
    finally:
        for p in started:
            p.stop()
    return results, log_bytes, spantop.idle_kib


def median_of(rows, *keys):
    def pick(row):
        for k in keys:
            row = row[k]
        return row
    return statistics.median(pick(r) for r in rows)


def ratio(results, name, base, *keys):
    def pick(row):
        for k in keys:
            row = row[k]
        return row
    return statistics.median(pick(a) / pick(b) for a, b in zip(results[name], results[base]) if pick(b))


def print_table(scenario, results, log_bytes, idle_kib, out):
    rows = [f"\n### {scenario.name}\n",
            "| | requests/s | CPU µs a call | of nginx | first byte p50 / p99 µs | event delay p50 / p99 µs | KiB a stream |",
            "|---|---|---|---|---|---|---|"]
    for name, got in results.items():
        rate = statistics.median(r["requests"] / r["seconds"] for r in got)
        cpu = median_of(got, "cpu_us")
        of_nginx = f"{ratio(results, name, 'nginx', 'cpu_us'):.2f}×" if name != "direct" else "–"
        stream = f"{median_of(got, 'stream_kib'):.0f}" if scenario.is_paced and name != "direct" else "–"
        rows.append(f"| {name} | {rate:.0f} | {cpu:.0f} | {of_nginx} "
                    f"| {median_of(got, 'first_byte_us', 'p50'):.0f} / {median_of(got, 'first_byte_us', 'p99'):.0f} "
                    f"| {median_of(got, 'event_us', 'p50'):.0f} / {median_of(got, 'event_us', 'p99'):.0f} | {stream} |")
    rows.append(f"\nspantop's log grew by {log_bytes:.0f} bytes a call; idle it takes {idle_kib / 1024:.1f} MiB.")
    text = "\n".join(rows)
    print(text, flush=True)
    out.append(text)


def start_origin():
    process = subprocess.Popen([str(BUILD / "origin"), "0"], stdout=subprocess.PIPE, text=True,
                               preexec_fn=proxies.on_core(proxies.LOAD_CORE))
    return process, int(process.stdout.readline())


def machine():
    model = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "unknown")
    return f"{os.cpu_count()} cores of {model}, {time.strftime('%Y-%m-%d')}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    out = [f"Measured on {machine()}; medians of alternating rounds, proxy on one core, origin and load on the other."]
    print(out[0])
    origin, port = start_origin()
    try:
        with tempfile.TemporaryDirectory(prefix="spantop-bench-") as folder:
            for scenario in scenarios(Path(folder), options.quick):
                if options.only in scenario.name:
                    print_table(scenario, *run_scenario(scenario, folder, port), out)
    finally:
        origin.kill()
    if options.out:
        Path(options.out).write_text("\n".join(out) + "\n")


if __name__ == "__main__":
    sys.exit(main())
