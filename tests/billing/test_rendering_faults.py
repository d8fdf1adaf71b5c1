"""No document can hurt the one who draws it, and no death leaves anything behind."""

from __future__ import annotations

import base64
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from billing.rendering import Limits, Renderer, RenderRefused, invoice_html
from tests.billing.paper import (
    AT,
    ENDLESS,
    MB,
    PATIENT,
    ROOT,
    SHORT,
    children_of,
    draw,
    draw_raw,
    eventually,
    gone,
    images_in,
    snapshot,
    text_of,
    warm_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer(limits=lambda _: PATIENT) as patient:
        yield patient


@pytest.fixture
def short() -> Iterator[Renderer]:
    with Renderer(limits=lambda _: SHORT) as hasty:
        yield hasty


# Hostile documents


@pytest.mark.parametrize("attribute", ["colspan", "rowspan"])
def test_a_table_without_end_is_refused_within_its_limits(short: Renderer, attribute: str) -> None:
    draw_raw(short, "warm")
    began = time.monotonic()
    with pytest.raises(RenderRefused) as refused:
        draw_raw(short, f'<table><tr><td {attribute}="100000000">x</td></tr></table>')
    assert time.monotonic() - began < SHORT.seconds + 4
    assert refused.value.reason in {"time", "memory"}
    assert refused.value.message == "The PDF is not available. Please try again, or contact us."
    assert draw_raw(short, "next").pdf


def test_memory_has_its_own_limit() -> None:
    with Renderer(limits=lambda _: Limits(seconds=60, memory_bytes=200 * MB)) as narrow:
        with pytest.raises(RenderRefused) as refused:
            draw_raw(narrow, '<table><tr><td rowspan="100000000">x</td></tr></table>')
        assert refused.value.reason == "memory"
        assert draw(narrow, snapshot(5)).warnings == ()


def test_nesting_without_end_is_refused(short: Renderer) -> None:
    with pytest.raises(RenderRefused):
        draw_raw(short, "<div>" * 3_000 + "x" + "</div>" * 3_000)


def test_a_huge_image_is_left_out(renderer: Renderer) -> None:
    small, huge = (_image(size) for size in (8, 12_000))
    assert images_in(draw_raw(renderer, small).pdf) == 1
    drawn = draw_raw(renderer, huge)
    assert images_in(drawn.pdf) == 0
    assert any("Blocked" in warning for warning in drawn.warnings)


def _image(size: int) -> str:
    """A square, one bit for a pixel, as a data address of about size * size / 8000 bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = zlib.compress(bytes(((size + 7) // 8 + 1) * size), 9)
    head = struct.pack(">IIBBBBB", size, size, 1, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return f'<p><img src="data:image/png;base64,{base64.b64encode(png).decode()}"/></p>'


def _every_way_to_load(address: str) -> list[str]:
    """Pages that ask for an address, each in one of the ways the library knows."""
    styles = [
        f'@import url("{address}");',
        f'@font-face {{ font-family: Stolen; src: url("{address}.ttf"); }}',
        f'@page {{ background-image: url("{address}"); }}',
        f'@page {{ background-image: url("{address}.pdf"); }}',
        f'p {{ background-image: url("{address}"); }}',
    ]
    bodies = [
        f'<link rel="stylesheet" href="{address}">',
        f'<img src="{address}"/><img src="{address}.svg"/>',
        f'<pdf:insertpdf src="{address}.pdf"/>',
        f'<pdf:font name="S" src="{address}.ttf"/>',
        f'<object data="{address}"></object><iframe src="{address}"></iframe><embed src="{address}"/>',
        f'<input type="image" src="{address}"/><svg><image href="{address}"/></svg>',
        f'<table background="{address}"><tr><td style="background: url({address})">x</td></tr></table>',
    ]
    return [f"<style>{style}</style><p>x</p>" for style in styles] + bodies


def _drawn_or_refused(renderer: Renderer, body: str) -> bytes:
    """A page that asks for too much is drawn without it, or not drawn at all: b""."""
    try:
        return draw_raw(renderer, body).pdf
    except RenderRefused:
        return b""


def test_no_address_is_fetched_from_raw_html_or_from_any_field(renderer: Renderer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/canary"
        ways = _every_way_to_load(address)
        for way in ways:
            pdf = _drawn_or_refused(renderer, way)
            assert not pdf or images_in(pdf) == 0
        drawn = draw(renderer, _with_every_text(snapshot(2), '">' + ways[6] + ways[7]))
        assert text_of(drawn.pdf).replace(" ", "").count("<imgsrc=") > 10  # it is told, not obeyed
        assert images_in(drawn.pdf) == 0
        assert select.select([listener], [], [], 0) == ([], [], []), "somebody called"


def _with_every_text(value: Any, text: str, name: str = "") -> Any:
    """The snapshot with hostile words in every free text; days, figures and codes keep their form."""
    if isinstance(value, dict):
        return {key: _with_every_text(inner, text, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_every_text(inner, text, name) for inner in value]
    fixed = {
        "template",
        "issue_on",
        "due_on",
        "locale",
        "currency",
        "quantity",
        "unit_price",
        "category",
        "tax_category",
    }
    return value if name in fixed or isinstance(value, int) else text


def test_no_file_beside_the_assets_is_read(renderer: Renderer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = base64.b64decode(_image(8).partition("base64,")[2].partition('"')[0])
    secret = draw_raw(renderer, "CANARY").pdf
    assert "CANARY" in text_of(secret)
    for name, content in {"canary": picture, "canary.svg": picture, "canary.pdf": secret, "canary.ttf": b""}.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    below_assets = os.path.relpath(tmp_path / "canary", ROOT / "static" / "pdf")
    with Renderer(limits=lambda _: PATIENT) as here:
        addresses = ("canary", str(tmp_path / "canary"), (tmp_path / "canary").as_uri(), below_assets)
        for ways in zip(*(_every_way_to_load(address) for address in addresses), strict=True):
            for body in ["".join(ways), *ways]:
                pdf = _drawn_or_refused(here, body)
                if pdf:  # all four at once, unless one of them was refused
                    assert (images_in(pdf), "CANARY" in text_of(pdf)) == (0, False)
                    break


def test_the_drawing_process_is_given_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMIT_SECRET_KEY", "not for paper")
    with Renderer(limits=lambda _: PATIENT) as fresh:
        draw_raw(fresh, "x")
        assert b"not for paper" not in Path(f"/proc/{warm_of(fresh)}/environ").read_bytes()


# Deaths


def test_a_killed_child_is_a_refusal_and_the_next_document_is_drawn(renderer: Renderer) -> None:
    draw_raw(renderer, "warm")
    refusals: list[RenderRefused] = []
    thread = threading.Thread(target=_collect_refusal, args=(renderer, refusals))
    thread.start()
    os.kill(eventually(lambda: children_of(warm_of(renderer)))[0], signal.SIGKILL)
    thread.join(10)
    assert [refusal.reason for refusal in refusals] == ["crash"]
    assert draw_raw(renderer, "next").pdf


def _collect_refusal(renderer: Renderer, refusals: list[RenderRefused]) -> None:
    try:
        draw_raw(renderer, ENDLESS)
    except RenderRefused as refusal:
        refusals.append(refusal)


def test_a_dead_warm_process_is_replaced(renderer: Renderer) -> None:
    draw_raw(renderer, "warm")
    first = warm_of(renderer)
    os.kill(first, signal.SIGKILL)
    assert draw_raw(renderer, "again").pdf
    assert warm_of(renderer) != first


def test_a_warm_process_killed_in_the_middle_takes_its_child_along_and_keeps_nobody_waiting(short: Renderer) -> None:
    draw_raw(short, "warm")
    refusals: list[RenderRefused] = []
    thread = threading.Thread(target=_collect_refusal, args=(short, refusals))
    thread.start()
    warm = warm_of(short)
    child = eventually(lambda: children_of(warm))[0]
    os.kill(warm, signal.SIGKILL)
    eventually(lambda: gone(child))
    thread.join(20)  # a successor tried once more, and hit the limit
    assert [refusal.reason for refusal in refusals] == ["time"]
    assert draw_raw(short, "next").pdf


def test_threads_take_turns(renderer: Renderer) -> None:
    drawn: list[bytes] = []
    html = invoice_html(snapshot(2))
    threads = [
        threading.Thread(target=lambda: drawn.append(renderer.render(html, title="t", author="a", at=AT, lines=2)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(drawn) == 4
    assert len(set(drawn)) == 1


def test_closing_ends_the_warm_process_and_a_later_document_starts_another() -> None:
    renderer = Renderer(limits=lambda _: PATIENT)
    draw_raw(renderer, "x")
    warm = warm_of(renderer)
    renderer.close()
    renderer.close()
    assert gone(warm)
    assert draw_raw(renderer, "again").pdf
    renderer.close()


USER = """
import sys
from billing.rendering import Renderer
from tests.billing.paper import *
renderer = Renderer(limits=lambda _: PATIENT)
draw_raw(renderer, "warm")
print(warm_of(renderer), renderer._scratch, flush=True)
draw_raw(renderer, ENDLESS) if sys.argv[1] == "drawing" else sys.stdin.read()
"""


@pytest.mark.parametrize("at_death", ["idle", "drawing"])
def test_kill_9_of_the_user_leaves_no_process_behind(at_death: str) -> None:
    user = subprocess.Popen(
        [sys.executable, "-c", USER, at_death], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with user:
        assert user.stdout is not None
        pid, scratch = user.stdout.readline().decode().split()
        warm = int(pid)
        left = [warm]
        if at_death == "drawing":
            left += eventually(lambda: children_of(warm))
        user.kill()
        user.wait()
        eventually(lambda: all(gone(pid) for pid in left))
    assert not Path(scratch).exists()


def test_a_forked_copy_of_the_user_starts_a_process_of_its_own(renderer: Renderer) -> None:
    draw_raw(renderer, "warm")
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            mine = draw_raw(renderer, "copy").pdf
            os.write(writing, b"%d %d" % (warm_of(renderer), len(mine)))
            renderer.close()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    os.close(writing)
    warm, size = os.read(reading, 100).split()
    os.close(reading)
    assert (int(warm) != warm_of(renderer), int(size) > 1_000) == (True, True)
    assert draw_raw(renderer, "original").pdf


def test_nothing_is_left_in_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Renderer(limits=lambda _: SHORT) as renderer:
        draw_raw(renderer, "x")
        os.kill(warm_of(renderer), signal.SIGKILL)
        with pytest.raises(RenderRefused):
            draw_raw(renderer, ENDLESS)
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []
