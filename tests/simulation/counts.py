"""How often each operation was carried out and refused: kept over all lives of a run, printed, and judged."""

from __future__ import annotations

from collections import Counter


class Counts:
    """Tallies by the name of the operation."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()

    @property
    def operations(self) -> int:
        """All that was tried."""
        return self.done.total() + self.refused.total()

    def note_done(self, operation: str) -> None:
        """It was carried out."""
        self.done[operation] += 1

    def note_refused(self, operation: str, refusal: str) -> None:
        """The domain said no, by that name, and nothing had changed."""
        self.refused[operation] += 1
        self.refusals[refusal] += 1

    def clear(self) -> None:
        """Begin again."""
        for tally in (self.done, self.refused, self.refusals):
            tally.clear()

    def too_few(self, operations: tuple[str, ...], least: int) -> list[str]:
        """What was carried out fewer than so many times."""
        return [operation for operation in operations if self.done[operation] < least]

    def table(self, operations: tuple[str, ...]) -> str:
        """What the run prints."""
        names = [*operations, *sorted((self.done | self.refused).keys() - set(operations))]
        width = max(len(name) for name in names)
        lines = [f"{'operation':{width}}  {'done':>8}  {'refused':>8}"]
        lines += [f"{name:{width}}  {self.done[name]:>8,}  {self.refused[name]:>8,}" for name in names]
        lines.append(f"{'together':{width}}  {self.done.total():>8,}  {self.refused.total():>8,}")
        told = ", ".join(f"{name} {times:,}" for name, times in self.refusals.most_common())
        return "\n".join([*lines, "", f"refusals: {told or 'none'}"])


COUNTS = Counts()
