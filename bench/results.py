"""One table: what was measured, the floor, other servers, the goal, and whether it is met."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.servers import PROC, ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One figure. `row` is the row of the goals; `goal` is the most it may be, or the least where `at_least`."""

    row: int
    what: str
    ours: float
    unit: str
    goal: float | None = None
    at_least: bool = False
    floor: float | None = None
    targets: dict[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        if self.goal is None:
            return None
        return self.ours >= self.goal if self.at_least else self.ours <= self.goal


def table(lines: Sequence[Line]) -> str:
    """The lines as a Markdown table that reads well in a terminal too."""
    names = sorted({name for line in lines for name in line.targets})
    head = ["#", "Measured", "Ours", "Floor", *names, "Goal", "Met"]
    body = [
        [
            str(line.row),
            line.what,
            _figure(line.ours, line.unit),
            _figure(line.floor, line.unit),
            *(_figure(line.targets.get(name), line.unit) for name in names),
            "" if line.goal is None else f"{'>=' if line.at_least else '<='} {_figure(line.goal, line.unit)}",
            {None: "", True: "yes", False: "NO"}[line.passed],
        ]
        for line in sorted(lines, key=lambda line: line.row)
    ]
    widths = [max(len(row[place]) for row in [head, *body]) for place in range(len(head))]
    rows = [head, ["-" * width for width in widths], *body]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    )


def circumstances(
    *, day: date, database: str, sizes: str, rounds: int, load: tuple[float, float], seconds: float
) -> str:
    """Where and how it was measured, a fact a line."""
    model = re.search(r"model name\s*: (.*)", (PROC / "cpuinfo").read_text())
    facts = {
        "Measured": f"{day}, commit {_commit()}, in {seconds:.0f} s",
        "Machine": f"{os.cpu_count()} cores, {model[1] if model else platform.machine()}, {platform.system()}",
        "Load before and after": f"{load[0]:.1f}, {load[1]:.1f}",
        "Software": f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}",
        "Books": f"{sizes}; ours on {database}, the floor on SQLite",
        "Rounds": f"{rounds}, interleaved; medians",
    }
    return "\n".join(f"- {name}: {fact}" for name, fact in facts.items())


def write(measured: str) -> None:
    """Put what was measured into docs/performance.md, in the place of what stood there."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{measured}\n\n{END}{after}")


def load_average() -> float:
    """How busy the machine was in the last minute."""
    return os.getloadavg()[0]


def _figure(value: float | None, unit: str) -> str:
    """Three figures where there are so many: 1.42 ms, 920 requests/s, 4 statements."""
    if value is None:
        return ""
    text = f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.3g}"
    return f"{text} {unit}".rstrip()


def _commit() -> str:
    def git(*words: str) -> str:
        ran = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607 - git, where there is one
        return ran.stdout.strip()

    if not Path(ROOT / ".git").exists():
        return "unknown"
    changed = " with changes" if git("status", "--porcelain", "--untracked-files=no") else ""
    return f"{git('rev-parse', '--short', 'HEAD')}{changed}"
