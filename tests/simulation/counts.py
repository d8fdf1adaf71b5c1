"""How often each operation was carried out and refused: kept over all lives of a run, printed, and judged."""

from __future__ import annotations

from collections import Counter


class Counts:
    """Tallies by the name of the operation."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.outside: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.refusals: dict[str, Counter[str]] = {}

    @property
    def operations(self) -> int:
        """All that the domain was asked for."""
        return self.done.total() + self.refused.total()

    def note_done(self, operation: str) -> None:
        """It was carried out."""
        self.done[operation] += 1

    def note_outside(self, event: str) -> None:
        """Something happened in the world outside; no operation of the domain."""
        self.outside[event] += 1

    def note_refused(self, operation: str, refusal: str) -> None:
        """The domain said no, by that name, and nothing had changed."""
        self.refused[operation] += 1
        self.refusals.setdefault(operation, Counter())[refusal] += 1

    def clear(self) -> None:
        """Begin again."""
        for tally in (self.done, self.outside, self.refused):
            tally.clear()
        self.refusals.clear()

    def too_few(self, names: tuple[str, ...], least: int) -> list[str]:
        """What was carried out, or happened, fewer than so many times."""
        return [name for name in names if self.done[name] + self.outside[name] < least]

    def table(self) -> str:
        """What the run prints."""
        names = sorted(self.done.keys() | self.refused.keys())
        width = max(map(len, [*names, *self.outside, "operation"]))
        lines = [f"{'operation':{width}}  {'done':>8}  {'refused':>8}"]
        lines += [
            f"{name:{width}}  {self.done[name]:>8,}  {self.refused[name]:>8,}  {self._why(name)}".rstrip()
            for name in names
        ]
        lines.append(f"{'together':{width}}  {self.done.total():>8,}  {self.refused.total():>8,}")
        lines += ["", f"{'in the world outside':{width}}  {'times':>8}"]
        lines += [f"{name:{width}}  {times:>8,}" for name, times in sorted(self.outside.items())]
        return "\n".join(lines)

    def _why(self, operation: str) -> str:
        """By which refusals."""
        return ", ".join(f"{name} {times:,}" for name, times in self.refusals.get(operation, Counter()).most_common())


COUNTS = Counts()
