"""The look's files: a stylesheet and the admin's additions to it, icons, scripts and fonts, read once at start-up.

Every address carries the hash of its bytes: a browser keeps a file for ever and sees a new release at once.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from flask import Flask, Response, abort, request
from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).resolve().parent.parent / "static"
PREFIX = "/static/"

# What a browser asks for by name; everything else in static/ is source for the files built here.
SERVED = ("js/*.js", "fonts/*.woff2", "img/*.svg")
KIT_STYLES = "05-kit.css"
ADMIN_STYLES = "04-admin"
FOR_EVER = "public, max-age=31536000, immutable"

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_LICENCE = re.compile(r"<!--.*?-->", re.DOTALL)
_DRAWING = re.compile(r"<svg[^>]*>(.*?)</svg>", re.DOTALL)
_CSS_URL = re.compile(r'url\("([^"]+)"\)')
_HASHED = re.compile(r"\.[0-9a-f]{16}(\.[a-z0-9]+)$")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent. `packed` is its gzip form, or None where packing gains nothing (fonts)."""

    name: str
    address: str
    media_type: str
    body: bytes
    packed: bytes | None


def register(app: Flask, *, development: bool) -> None:
    """Serve the files under /static/ and give the templates `asset_url(name)` and `icon(name, label=None)`.

    `development` adds the styles of the /kit page to the admin's stylesheet.
    """
    assets = build(development=development)
    by_address = {asset.address: asset for asset in assets.values()}
    icons = icon_names()

    def serve(filename: str) -> Response:
        asset = by_address.get(filename)
        if asset is not None:
            return _reply(asset, caching=FOR_EVER)
        # A page kept open across a release asks for the old address: the new file serves it better than none.
        successor = assets.get(_HASHED.sub(r"\1", filename))
        if successor is None or successor.name == filename:
            abort(404)
        return _reply(successor, caching="no-cache")

    def asset_url(name: str) -> str:
        return PREFIX + assets[name].address

    @cache
    def icon(name: str, label: str | None = None) -> Markup:
        assert name in icons, f"static/icons/{name}.svg is missing"
        named = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
        return Markup('<svg class="i" {}><use href="{}#i-{}"/></svg>').format(named, asset_url("icons.svg"), name)

    if "static" in app.view_functions:  # Flask's own route for the folder, which would send unpacked bytes
        app.view_functions["static"] = serve
    else:
        app.add_url_rule(f"{PREFIX}<path:filename>", endpoint="static", view_func=serve)
    app.jinja_env.globals["asset_url"] = asset_url
    app.jinja_env.globals["icon"] = icon


@cache
def build(*, development: bool) -> Mapping[str, Asset]:
    """Every served file by its plain name ('app.css', 'admin.css', 'icons.svg', 'js/app.js', 'fonts/...')."""
    assets: dict[str, Asset] = {}
    for pattern in SERVED:
        for path in sorted(FOLDER.glob(pattern)):
            name = path.relative_to(FOLDER).as_posix()
            assets[name] = _asset(name, path.read_bytes())
    assets["icons.svg"] = _asset("icons.svg", _sprite().encode())
    styles = sorted(FOLDER.glob("css/[0-9]*.css"))
    kit = [path for path in styles if path.name == KIT_STYLES]
    admins = [path for path in styles if path.name.startswith(ADMIN_STYLES)]
    everybodys = [path for path in styles if path not in {*kit, *admins}]
    for name, paths in (("app.css", everybodys), ("admin.css", admins + kit * development)):
        text = _CSS_URL.sub(lambda found: f'url("{assets[found[1]].address}")', _squeezed(paths))
        assets[name] = _asset(name, text.encode())
    return MappingProxyType(assets)


@cache
def icon_names() -> frozenset[str]:
    """The names `icon()` accepts: the files of static/icons/."""
    return frozenset(path.stem for path in FOLDER.glob("icons/*.svg"))


def _squeezed(paths: list[Path]) -> str:
    """The files one after the other, without comments and idle space. Their order between two sheets is @layer's."""
    text = "\n".join(path.read_text() for path in paths)
    text = re.sub(r"\s+", " ", _COMMENT.sub("", text))
    return re.sub(r"\s*([{};,])\s*", r"\1", text).replace(";}", "}").strip()


def _sprite() -> str:
    """All icons as symbols of one file. Line width and colour come from the page's stylesheet."""
    symbols = "".join(_symbol(path) for path in sorted(FOLDER.glob("icons/*.svg")))
    return f'<svg xmlns="http://www.w3.org/2000/svg">{symbols}</svg>'


def _symbol(path: Path) -> str:
    drawing = _DRAWING.search(_LICENCE.sub("", path.read_text()))
    assert drawing, f"{path.name} is no SVG drawing"
    shapes = re.sub(r"\s+", " ", drawing[1]).replace(" />", "/>").replace("> <", "><").strip()
    return f'<symbol id="i-{escape(path.stem)}" viewBox="0 0 24 24">{shapes}</symbol>'


def _asset(name: str, body: bytes) -> Asset:
    stem, dot, ending = name.rpartition(".")
    digest = hashlib.sha256(body).hexdigest()[:16]
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    packed = None if ending == "woff2" else gzip.compress(body, 9, mtime=0)
    return Asset(name, f"{stem}.{digest}{dot}{ending}", media_type, body, packed)


def _reply(asset: Asset, *, caching: str) -> Response:
    takes_gzip = asset.packed is not None and request.accept_encodings.quality("gzip") > 0
    response = Response(asset.packed if takes_gzip else asset.body, mimetype=asset.media_type)
    response.headers["Cache-Control"] = caching
    response.vary.add("Accept-Encoding")
    if takes_gzip:
        response.headers["Content-Encoding"] = "gzip"
    return response
