"""Records what every sandbox of a test run says and is told, and lets the Node library's types judge it all at the end.

A plugin, as the end of the run is known to the first process alone. The judgement falls where CI is set, and where
`--contracts` asks for it; a wrong word fails the run.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.contracts import literals, node_types

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

RECORD, STRICT = "SANDBOX_RECORD", "SANDBOX_STRICT"
WORKER = "PYTEST_XDIST_WORKER"
SHOWN = 20
_folder = pytest.StashKey[Path]()
_verdict = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--contracts` judges a run that is not CI's."""
    parser.addoption("--contracts", action="store_true", help="hold all that Stripe sandboxes said against the types")


def pytest_configure(config: pytest.Config) -> None:
    """Let every sandbox be strict, and all of this run and its workers write into one folder."""
    os.environ.setdefault(STRICT, "1")
    is_wanted = node_types.is_required() or config.getoption("--contracts")
    if WORKER in os.environ or not is_wanted or RECORD in os.environ:
        return
    config.stash[_folder] = Path(tempfile.mkdtemp(prefix="contracts-"))
    os.environ[RECORD] = str(config.stash[_folder] / "said")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Judge, and fail the run for the first wrong word."""
    folder = session.config.stash.get(_folder, None)
    if folder is None:
        return
    lines, is_good = verdict(folder / "said", folder / "judged")
    session.config.stash[_verdict] = lines
    if not is_good:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def verdict(said_in: Path, scratch: Path) -> tuple[list[str], bool]:
    """What to tell of a run's records, and whether it may pass. Nothing said is nothing wrong."""
    said = literals.recorded(said_in)
    if not said:
        return [], True
    try:
        problems = node_types.installed().problems(said, scratch)
    except node_types.NodeMissingError as missing:
        return [f"not judged: {missing}"], not node_types.is_required()
    words = [f"{literals.type_of(said[number])}: {why}" for number, why in problems.items()]
    return [f"{len(said)} shapes said to and by Stripe, {len(problems)} wrong", *words], not problems


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """Tell the verdict."""
    verdict = config.stash.get(_verdict, None)
    if verdict:
        terminalreporter.section("Stripe's types for Node")
        for line in verdict[: SHOWN + 1]:
            terminalreporter.line(line)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind."""
    folder = config.stash.get(_folder, None)
    if folder is not None:
        os.environ.pop(RECORD, None)
        shutil.rmtree(folder, ignore_errors=True)
