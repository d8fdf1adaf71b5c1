"""What a browser fetches: the first visit of a page with everything it asks for, and the next one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from bench.pages import packed
from bench.results import Line
from bench.visitor import HOST, Request

if TYPE_CHECKING:
    from bench.ground import Ground

LOADED = re.compile(r'<(?:script|img|use|link|source|iframe)\b[^>]*?\b(?:src|href)="([^"#]+)')
IN_STYLES = re.compile(r"""(?:url\(|@import\s+)["']?([^"')]+)""")
FOR_EVER = "immutable"
FONT = ".woff2"


def measure(ground: Ground) -> list[Line]:
    """Row 18, for the list and for an invoice."""
    ground.large.use()
    lines = []
    for words, path in (("portal list", "/invoices"), ("invoice page", f"/invoices/{ground.large.number}")):
        page = ground.visitor.get(ground.large.get(path)).body
        files, strangers, kept = _fetched(ground, path, page.decode())
        first = packed(page) + sum(size for name, size in files.items() if not name.endswith(FONT))
        again = packed(page) + sum(size for name, size in files.items() if name not in kept)
        lines += [
            Line(row=18, what=f"first visit, {words}: gz without fonts", ours=first / 1000, unit="KB", goal=45),
            Line(row=18, what=f"repeat visit, {words}: gz", ours=again / 1000, unit="KB", goal=5),
            Line(row=18, what=f"{words}: third-party hosts", ours=len(strangers), unit="", goal=0),
        ]
    return lines


def _fetched(ground: Ground, path: str, page: str) -> tuple[dict[str, int], set[str], set[str]]:
    """The bytes of each file a page asks for, the hosts that are not ours, and the files kept for ever."""
    waiting = [urljoin(path, found) for found in LOADED.findall(page)]
    files: dict[str, int] = {}
    strangers: set[str] = set()
    kept: set[str] = set()
    while waiting:
        name = waiting.pop()
        host = urlsplit(name).netloc
        if host not in {"", HOST}:
            strangers.add(host)
            continue
        if name in files:
            continue
        reply = ground.visitor.get(Request(name))
        assert reply.status == 200, f"{name}: {reply.status}"
        files[name] = len(reply.body)
        if FOR_EVER in reply.headers.get("Cache-Control", ""):
            kept.add(name)
        if name.endswith(".css"):
            styles = ground.visitor.get(Request(name).but(Accept_Encoding="identity")).body.decode()
            waiting += [urljoin(name, found) for found in IN_STYLES.findall(styles) if not found.startswith("data:")]
    return files, strangers, kept
