"""The sandbox that the payment tests share: one process a run, emptied for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from billing import check, gateway
from tests.billing import paying

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import TestDatabase


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[paying.Sandbox]:
    with paying.running(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(sandbox_process: paying.Sandbox, database: TestDatabase) -> Iterator[paying.Sandbox]:
    """The empty sandbox at the tests' moment, with this process paying there; the books balance afterwards."""
    assert database, "what is paid is booked"
    sandbox_process.reset()
    paying.use(sandbox_process)
    yield sandbox_process
    gateway.use(None)
    assert not check.broken()
