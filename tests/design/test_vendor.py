"""Files taken from others are exactly the ones we pinned."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import TypedDict, cast

import pytest

from web import assets

ROOT = assets.FOLDER.parent


class Taken(TypedDict):
    path: str
    package: str
    version: str
    original: str
    integrity: str


def taken() -> list[Taken]:
    return cast("list[Taken]", json.loads((ROOT / "static" / "vendor.json").read_text())["files"])


def integrity(body: bytes) -> str:
    """The form of HTML's integrity attribute, SHA-384."""
    return "sha384-" + base64.b64encode(hashlib.sha384(body).digest()).decode()


@pytest.mark.parametrize("file", taken(), ids=lambda file: file["path"])
def test_a_vendored_file_is_the_one_that_was_pinned(file: Taken) -> None:
    assert integrity((ROOT / file["path"]).read_bytes()) == file["integrity"]


def test_nothing_is_vendored_without_being_pinned() -> None:
    folders = ("static/js", "static/fonts", "tests/vendor")
    found = {path.relative_to(ROOT).as_posix() for folder in folders for path in (ROOT / folder).iterdir()}
    assert found - {"static/js/app.js"} == {file["path"] for file in taken()}


def test_every_icon_names_its_source() -> None:
    for path in Path(assets.FOLDER, "icons").iterdir():
        assert path.read_text().startswith("<!-- @license lucide-static v1.62.0 - ISC -->"), path.name


def test_the_licences_travel_with_the_files() -> None:
    licences = (ROOT / "static" / "vendor-licences.md").read_text()
    for words in ("Zero-Clause BSD", "ISC License", "SIL OPEN FONT LICENSE Version 1.1"):
        assert words in licences
