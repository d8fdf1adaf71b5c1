"""One API version everywhere: a library raised alone fails here, before it fails at Stripe."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import stripe

from billing import stripe_gateway
from tests.contracts import node_types
from tests.servers_sandbox import Bank, free_port, http, start_sandbox, stop_sandbox

if TYPE_CHECKING:
    from pathlib import Path


def test_both_libraries_and_the_application_speak_one_version(node: node_types.Types) -> None:
    assert stripe.api_version == node.api_version == stripe_gateway.API_VERSION


def test_the_sandbox_answers_and_tells_events_in_that_version(tmp_path: Path) -> None:
    port = free_port()
    process = start_sandbox(port, tmp_path / "sandbox.db")
    try:
        with http() as browser:
            answer = browser.post(
                f"http://127.0.0.1:{port}/v1/customers",
                data={"name": "Acme"},
                headers={"Authorization": "Bearer sk_test_sandbox"},
                timeout=10,
            )
        events = Bank(f"http://127.0.0.1:{port}").objects("event")
    finally:
        stop_sandbox(process)
    assert answer.headers["Stripe-Version"] == stripe_gateway.API_VERSION
    assert [event["api_version"] for event in events] == [stripe_gateway.API_VERSION]


def test_the_pins_are_exact_and_carry_hashes_but_no_address() -> None:
    wanted = json.loads((node_types.HERE / "package.json").read_text())["devDependencies"]
    text = (node_types.HERE / "package-lock.json").read_text()
    packages = {name: found for name, found in json.loads(text)["packages"].items() if name}
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    assert all(found["integrity"].startswith("sha512-") for found in packages.values())
    assert "://" not in text
