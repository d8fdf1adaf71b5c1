"""Styles, scripts and icons as they are sent."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, cast

import pytest
from flask import Flask

from web import assets

if TYPE_CHECKING:
    from collections.abc import Callable

PACKED = {"Accept-Encoding": "gzip, br"}


def address_of(name: str) -> str:
    return assets.PREFIX + assets.build(development=True)[name].address


@pytest.mark.parametrize("name", ["app.css", "js/app.js", "js/htmx.min.js", "icons.svg"])
def test_text_is_sent_packed_where_the_browser_takes_it(look: Flask, name: str) -> None:
    plain = look.test_client().get(address_of(name))
    packed = look.test_client().get(address_of(name), headers=PACKED)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in plain.headers["Vary"]


def test_a_browser_that_refuses_gzip_gets_plain_text(look: Flask) -> None:
    answer = look.test_client().get(address_of("app.css"), headers={"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize("name", ["app.css", "js/app.js", "icons.svg", "fonts/inter-latin-wght-normal.woff2"])
def test_a_hashed_address_may_be_kept_for_ever(look: Flask, name: str) -> None:
    answer = look.test_client().get(address_of(name))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_an_address_of_an_earlier_release_gets_the_new_file_and_is_not_kept(look: Flask) -> None:
    answer = look.test_client().get("/static/app.0123456789abcdef.css")
    assert answer.data == assets.build(development=True)["app.css"].body
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["app.css", "css/01-base.css", "nothing.css", "../pyproject.toml", "vendor.json"])
def test_nothing_else_of_the_folder_is_served(look: Flask, path: str) -> None:
    assert look.test_client().get(f"/static/{path}").status_code == 404


def test_flasks_own_folder_route_is_replaced() -> None:
    app = Flask("other", root_path=str(assets.FOLDER.parent))
    assets.register(app, development=False)
    assert app.test_client().get("/static/css/01-base.css").status_code == 404
    assert app.test_client().get(address_of("js/app.js")).status_code == 200


def test_the_styles_of_the_component_page_stay_in_development() -> None:
    assert b".kit" in assets.build(development=True)["admin.css"].body
    assert b".kit" not in assets.build(development=False)["admin.css"].body


def test_the_stylesheet_needs_no_data_addresses_and_names_only_files_it_has() -> None:
    files = assets.build(development=False)
    stylesheet = files["app.css"].body.decode()
    assert "data:" not in stylesheet
    assert files["fonts/inter-latin-wght-normal.woff2"].address in stylesheet


def test_what_every_page_needs_stays_small() -> None:
    files = assets.build(development=False)
    weight = {name: len(asset.packed or b"") for name, asset in files.items()}
    assert weight["app.css"] <= 13_000
    assert weight["js/app.js"] + weight["js/htmx.min.js"] <= 20_000
    assert weight["icons.svg"] <= 4_000


def icon_of(look: Flask) -> Callable[..., str]:
    return cast("Callable[..., str]", look.jinja_env.globals["icon"])


def test_an_icon_is_silent_unless_it_has_words(look: Flask) -> None:
    icon, sprite = icon_of(look), address_of("icons.svg")
    assert icon("send") == f'<svg class="i" aria-hidden="true"><use href="{sprite}#i-send"/></svg>'
    assert 'role="img" aria-label="Sent &lt;today&gt;"' in icon("send", "Sent <today>")


def test_an_icon_that_does_not_exist_is_a_mistake_of_the_template(look: Flask) -> None:
    with pytest.raises(AssertionError, match="unicorn"):
        icon_of(look)("unicorn")
