"""The floor of paper: the same lines as a bare table by xhtml2pdf, in a warm process without fork or finish.

`python -m bench.paper` reads how many lines and how often, a pair a line, and writes the CPU seconds of each.
"""

from __future__ import annotations

import io
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Self

from bench.servers import ROOT, bare_environment

if TYPE_CHECKING:
    from collections.abc import Iterable

ROW = "<tr><td>Espresso machine lease {0}</td><td>12</td><td>&pound;485.00</td><td>&pound;5,820.00</td></tr>"
PAGE = "<html><body><h1>Invoice</h1><table>{0}</table><p>Total &pound;5,820.00</p></body></html>"


class BarePaper:
    """The warm process; use it in a `with`."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.paper"],
            cwd=ROOT,
            env=bare_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def cpu_ms(self, lines: int, times: int) -> float:
        """CPU of one document of so many lines, in milliseconds."""
        assert self._process.stdin is not None, "it was started with pipes"
        assert self._process.stdout is not None, "it was started with pipes"
        self._process.stdin.write(f"{lines} {times}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline()) * 1000 / times


def serve(questions: Iterable[str]) -> None:
    """Draw what is asked for until the input ends."""
    from xhtml2pdf import pisa

    def draw(lines: int) -> None:
        rows = "".join(ROW.format(number) for number in range(lines))
        pisa.CreatePDF(PAGE.format(rows), dest=io.BytesIO(), encoding="utf-8")

    draw(1)
    for question in questions:
        lines, times = map(int, question.split())
        began = time.process_time()
        for _ in range(times):
            draw(lines)
        print(time.process_time() - began, flush=True)


if __name__ == "__main__":
    serve(sys.stdin)
