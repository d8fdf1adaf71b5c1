"""What tests of the billing team's pages share: the Stripe sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from billing import gateway
from tests.billing import paying

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[paying.Sandbox]:
    with paying.running(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def sandbox(app: Flask, sandbox_process: paying.Sandbox) -> Iterator[paying.Sandbox]:
    assert app, "the application is made first: it would choose its own gateway"
    sandbox_process.reset()
    paying.use(sandbox_process)
    yield sandbox_process
    gateway.use(None)
