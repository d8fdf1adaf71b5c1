"""A sandbox in which a bit of everything happens, and the record of all that was said there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contracts import literals, node_types
from tests.contracts.scenes import everything
from tests.servers_sandbox import Bank, free_port, start_sandbox, stop_sandbox, stripe_client

if TYPE_CHECKING:
    from tests.contracts.literals import Said


@pytest.fixture(scope="session")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[Said]:
    """One of each shape that the sandbox was told and said in the scenes."""
    folder = tmp_path_factory.mktemp("said")
    port = free_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SANDBOX_RECORD", str(folder))
        process = start_sandbox(port, folder / "sandbox.db")
    try:
        bank = Bank(f"http://127.0.0.1:{port}")
        with stripe_client(bank.base_url, retries=0) as client:
            everything(bank, client)
    finally:
        stop_sandbox(process)
    return literals.recorded(folder)


@pytest.fixture(scope="session")
def node() -> node_types.Types:
    """The Node library's types. Missing: a failure where CI is set, a skip by name elsewhere."""
    try:
        return node_types.installed()
    except node_types.NodeMissingError as missing:
        if node_types.is_required():
            raise
        pytest.skip(str(missing))


def bodies(said: list[Said], kind: str, **equal: Any) -> list[dict[str, Any]]:
    """The bodies of a kind with these values."""
    return [
        one["body"]
        for one in said
        if one["kind"] == kind and all(one["body"].get(name) == value for name, value in equal.items())
    ]
