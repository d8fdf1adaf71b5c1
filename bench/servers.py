"""Servers under test: started as in production, and read from /proc, which needs no cooperation of theirs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PROC = Path("/proc")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
STARTING_SECONDS = 60.0
STOPPING_SECONDS = 15.0
WORKERS, THREADS = 2, 8


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it answers, and the process its processes descend from."""

    base: str
    pid: int

    def cpu_seconds(self) -> float:
        """User and system time of all its processes so far, in steps of a hundredth of a second."""
        return sum(_cpu_seconds(pid) for pid in family(self.pid))

    def memory_mb(self) -> float:
        """Proportional set size of all its processes, in MB of 10**6 bytes: shared pages count once."""
        return sum(_pss_kb(pid) for pid in family(self.pid)) * 1024 / 1e6


@contextmanager
def gunicorn(
    application: str, environment: dict[str, str], *, port: int, folder: Path, workers: int = WORKERS
) -> Iterator[Server]:
    """Gunicorn as in production; it is ready once it answers at its port, and ends with the block."""
    command = [
        *(sys.executable, "-m", "gunicorn", application, "--bind", f"127.0.0.1:{port}"),
        *("--worker-class", "gthread", "--workers", str(workers), "--threads", str(THREADS)),
        *("--no-control-socket", "--graceful-timeout", "2", "--keep-alive", "30"),
    ]
    log = folder / f"server-{port}.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=bare_environment() | environment, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        _wait_until_it_listens(process, port, log)
        yield Server(f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.terminate()
        try:
            process.wait(STOPPING_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def bare_environment() -> dict[str, str]:
    """What any process needs, and none of our own settings."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}


def first_answer_seconds(server: Server, path: str, headers: dict[str, str], began: float) -> float:
    """Seconds from `began` (time.perf_counter) until the server answers this path with 200."""
    while time.perf_counter() - began < STARTING_SECONDS:
        connection = HTTPConnection(urlsplit(server.base).netloc, timeout=STARTING_SECONDS)
        try:
            connection.request("GET", path, headers=headers)
            if connection.getresponse().status == 200:
                return time.perf_counter() - began
        except (OSError, HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.005)
    raise TimeoutError(f"{server.base}{path} never answered 200")


def family(pid: int) -> list[int]:
    """A process and all that descend from it, as far as they live."""
    found = [pid]
    for parent in found:
        for tasks in PROC.glob(f"{parent}/task/*/children"):
            try:
                found += [int(child) for child in tasks.read_text().split()]
            except OSError:
                continue  # it ended meanwhile
    return found


def reaped_cpu_seconds(pid: int) -> float:
    """CPU of one process and of its children that ended, in steps of a hundredth of a second."""
    return sum(int(ticks) for ticks in _stat(pid)[11:15]) / TICKS_PER_SECOND


def _cpu_seconds(pid: int) -> float:
    try:
        return sum(int(ticks) for ticks in _stat(pid)[11:13]) / TICKS_PER_SECOND
    except OSError:
        return 0.0


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat behind the name, from the state on."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def _pss_kb(pid: int) -> int:
    try:
        rollup = (PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0)


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + STARTING_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the server on port {port} ended:\n{log.read_text(errors='replace')[-2000:]}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.005)
        else:
            return
    raise TimeoutError(f"nothing listens on port {port}")
