"""The sandbox that the payment tests share: one process a run, emptied for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from billing import gateway
from tests.billing import paying

if TYPE_CHECKING:
    from collections.abc import Iterator

PORT = 8560


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[paying.Sandbox]:
    process, sandbox = paying.start(PORT, tmp_path_factory.mktemp("sandbox"))
    yield sandbox
    process.terminate()
    process.wait(timeout=10)


@pytest.fixture
def sandbox(sandbox_process: paying.Sandbox) -> Iterator[paying.Sandbox]:
    """The empty sandbox at the tests' moment, with this process paying there."""
    sandbox_process.reset()
    paying.use(sandbox_process)
    yield sandbox_process
    gateway.use(None)
