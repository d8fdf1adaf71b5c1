"""A bounded keep-alive loader in a process of its own: `python -m bench.loader`, a job in, figures out, both JSON.

Each client has one connection and one request under way; a job ends after so many requests, and never runs
longer than its seconds.
"""

from __future__ import annotations

import json
import selectors
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bench.servers import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

CHUNK = 262_144
LONGEST_SECONDS = 60.0
NETWORKS = 240  # different addresses that requests come from, through a proxy


@dataclass(frozen=True, slots=True)
class Job:
    """What to ask: `paths` in turn, by so many clients, `requests` in all. `expect` are the statuses that are right."""

    base: str
    paths: list[str]
    headers: dict[str, str]
    clients: int
    requests: int
    expect: list[int]
    seconds: float = LONGEST_SECONDS


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a job. Latencies in milliseconds; `bytes` is the mean of an answer, heads included."""

    requests: int
    wrong: int
    seconds: float
    p50_ms: float
    p95_ms: float
    worst_ms: float
    bytes: float

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def run(job: Job) -> Load:
    """Run a job in a process of its own."""
    return wait(start(job))


def start(job: Job) -> subprocess.Popen[str]:
    """Begin a job without waiting for its end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.loader"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None, "it was started with pipes"
    process.stdin.write(json.dumps(asdict(job)))
    process.stdin.close()
    process.stdin = None
    return process


def wait(process: subprocess.Popen[str]) -> Load:
    """The figures of a job that was begun."""
    said, _ = process.communicate(timeout=2 * LONGEST_SECONDS)
    if process.returncode != 0:
        raise RuntimeError("the loader failed")
    return Load(**json.loads(said))


@dataclass
class _Client:
    """One connection: what it waits for, and since when."""

    connection: socket.socket
    began: float = 0.0
    received: bytearray = field(default_factory=bytearray)


class _Run:
    """All clients of a job in one thread: what waits is the server, not the loader."""

    def __init__(self, job: Job) -> None:
        self.job = job
        parts = urlsplit(job.base)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        names = {"Host": parts.netloc, "Connection": "keep-alive"} | job.headers
        self._head = "".join(f"{name}: {value}\r\n" for name, value in names.items())
        self._selector = selectors.DefaultSelector()
        self._sent = self._wrong = self._bytes = 0
        self._taken: list[float] = []

    def run(self) -> Load:
        for _ in range(min(self.job.clients, self.job.requests)):
            client = _Client(socket.create_connection(self._address, timeout=LONGEST_SECONDS))
            self._selector.register(client.connection, selectors.EVENT_READ, client)
            self._send(client)
        began = time.perf_counter()
        until = began + self.job.seconds
        while self._selector.get_map() and time.perf_counter() < until:
            for key, _ in self._selector.select(timeout=1.0):
                self._read(key.data)
        seconds = time.perf_counter() - began
        taken = sorted(self._taken) or [0.0]
        return Load(
            requests=len(self._taken),
            wrong=self._wrong,
            seconds=seconds,
            p50_ms=statistics.median(taken) * 1000,
            p95_ms=taken[min(len(taken) - 1, len(taken) * 95 // 100)] * 1000,
            worst_ms=taken[-1] * 1000,
            bytes=self._bytes / max(1, len(self._taken)),
        )

    def _send(self, client: _Client) -> None:
        path = self.job.paths[self._sent % len(self.job.paths)]
        address = network(self._sent % NETWORKS)
        self._sent += 1
        client.received.clear()
        client.began = time.perf_counter()
        client.connection.sendall(f"GET {path} HTTP/1.1\r\n{self._head}X-Forwarded-For: {address}\r\n\r\n".encode())

    def _read(self, client: _Client) -> None:
        part = client.connection.recv(CHUNK)
        client.received += part
        answer = _complete(client.received, ended=not part)
        if answer is None:
            return
        status, keeps = answer
        self._taken.append(time.perf_counter() - client.began)
        self._bytes += len(client.received)
        self._wrong += status not in self.job.expect
        if self._sent >= self.job.requests:
            self._selector.unregister(client.connection)
            client.connection.close()
            return
        if not keeps or not part:
            self._selector.unregister(client.connection)
            client.connection.close()
            client.connection = socket.create_connection(self._address, timeout=LONGEST_SECONDS)
            self._selector.register(client.connection, selectors.EVENT_READ, client)
        self._send(client)


def _complete(received: bytearray, *, ended: bool) -> tuple[int, bool] | None:
    """The status of a whole answer and whether the connection stays, or None while more must come (RFC 9112)."""
    head, mark, body = bytes(received).partition(b"\r\n\r\n")
    if not mark:
        return (0, False) if ended else None
    lines = head.decode("latin-1").lower().split("\r\n")
    status = int(lines[0].split()[1])
    fields = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
    usual = "close" if lines[0].startswith("http/1.0") else "keep-alive"
    keeps = fields.get("connection", usual) == "keep-alive"
    if status in {204, 304}:
        return status, keeps
    if "content-length" in fields:
        return (status, keeps) if len(body) >= int(fields["content-length"]) else None
    if fields.get("transfer-encoding") == "chunked":
        return (status, keeps) if body.endswith(b"0\r\n\r\n") else None
    return (status, False) if ended else None


def network(number: int) -> str:
    """An address of its own, of the range kept for benchmarks (RFC 2544)."""
    return f"198.18.{number // 200}.{number % 200 + 1}"


def main(lines: Sequence[str]) -> None:
    """Read a job, run it, write its figures."""
    job = Job(**json.loads("".join(lines)))
    print(json.dumps(asdict(_Run(job).run())))


if __name__ == "__main__":
    main(sys.stdin.readlines())
