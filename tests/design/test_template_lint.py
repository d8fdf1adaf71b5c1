"""What no template may hold, because the content security policy forbids it or because it would open a hole.

Mails and PDFs are no pages: they alone may carry styles.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from web import assets

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATES = assets.FOLDER.parent / "templates"
STYLED = ("email", "pdf")

COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
LOGIC = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
CLASSES = re.compile(r'class="([^"]*)"')
STYLED_CLASS = re.compile(r"\.([a-zA-Z][\w-]*)")
# Classes that scripts look for and no style needs.
HOOKS = {"js-only"}
ICON = re.compile(r"""icon\(\s*["']([^"']+)["']""")

# Read with the template language taken out, so that a keyword argument is no attribute.
STYLES = {
    "an inline style": re.compile(r"(?<![\w-])style\s*=", re.IGNORECASE),
    "a style element": re.compile(r"<style", re.IGNORECASE),
}
HANDLERS = {"an event attribute": re.compile(r"\son[a-z]+\s*=", re.IGNORECASE)}
# Read as it stands: these hide in the template language too.
ANYWHERE = {
    "a style among attributes": re.compile(r"""["']style["']\s*:""", re.IGNORECASE),
    "an inline script": re.compile(r"<script(?![^>]*\ssrc=)[^>]*>|<script[^>]*>\s*[^<\s]", re.IGNORECASE),
    "a script address": re.compile(r"\b(?:javascript|js)\s*:", re.IGNORECASE),
    "hx-on": re.compile(r"hx-on\b", re.IGNORECASE),
    "a trigger with a filter": re.compile(r"""hx-trigger(?::\w+)?["']?\s*[=:]\s*["'][^"']*\["""),
    "a data address": re.compile(r"""(?:src|href|url)\s*[=(]\s*["']?data:""", re.IGNORECASE),
    "the safe filter": re.compile(r"\|\s*safe\b"),
    "autoescape": re.compile(r"\bautoescape\b"),
}


def broken_rules(source: str, *, styled: bool = False) -> list[str]:
    """The names of the rules a template breaks."""
    source = COMMENT.sub("", source)
    page = LOGIC.sub("", source)
    of_the_page = HANDLERS if styled else HANDLERS | STYLES
    return [name for name, rule in ANYWHERE.items() if rule.search(source)] + [
        name for name, rule in of_the_page.items() if rule.search(page)
    ]


def templates() -> list[Path]:
    return sorted(path for path in TEMPLATES.rglob("*") if path.is_file())


def pages() -> list[Path]:
    """Templates that use the stylesheet; mails and PDFs bring their own."""
    return [path for path in templates() if path.relative_to(TEMPLATES).parts[0] not in STYLED]


@pytest.mark.parametrize("path", templates(), ids=lambda path: path.relative_to(TEMPLATES).as_posix())
def test_a_template_breaks_no_rule(path: Path) -> None:
    styled = path.relative_to(TEMPLATES).parts[0] in STYLED
    assert broken_rules(path.read_text(), styled=styled) == []


@pytest.mark.parametrize("path", templates(), ids=lambda path: path.relative_to(TEMPLATES).as_posix())
def test_a_template_names_only_icons_that_exist(path: Path) -> None:
    assert set(ICON.findall(path.read_text())) <= assets.icon_names()


def styled_classes() -> set[str]:
    styles = "".join(path.read_text() for path in assets.FOLDER.glob("css/*.css"))
    return set(STYLED_CLASS.findall(re.sub(r"/\*.*?\*/", "", styles, flags=re.DOTALL)))


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.relative_to(TEMPLATES).as_posix())
def test_a_page_names_only_classes_that_have_a_style(path: Path) -> None:
    page = LOGIC.sub("\0", COMMENT.sub("", path.read_text()))
    named = {name for found in CLASSES.findall(page) for name in found.split() if "\0" not in name}
    assert named - styled_classes() - HOOKS == set()


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ('<p style="color: red">', "an inline style"),
        ("<p STYLE = 'color: red'>", "an inline style"),
        ("{{ field(attrs={'style': 'color: red'}) }}", "a style among attributes"),
        ('<p style="{{ colour }}">', "an inline style"),
        ("<style>p { color: red }</style>", "a style element"),
        ("<script>alert(1)</script>", "an inline script"),
        ('<script src="/a.js">alert(1)</script>', "an inline script"),
        ('<a href="javascript:alert(1)">', "a script address"),
        ("<a hx-vals='js:{a: 1}'>", "a script address"),
        ('<a hx-on:click="go()">', "hx-on"),
        ('<a hx-trigger="click[ctrlKey]">', "a trigger with a filter"),
        ("""{{ field(attrs={"hx-trigger": "keyup[key]"}) }}""", "a trigger with a filter"),
        ('<img src="data:image/png;base64,AA">', "a data address"),
        ('<p onclick="go()">', "an event attribute"),
        ("{{ words | safe }}", "the safe filter"),
        ("{{ words|safe }}", "the safe filter"),
        ("{% autoescape false %}{{ words }}{% endautoescape %}", "autoescape"),
    ],
)
def test_the_lint_sees_what_it_forbids(source: str, rule: str) -> None:
    assert rule in broken_rules(source)


@pytest.mark.parametrize(
    "source",
    [
        '<script src="{{ asset_url("js/app.js") }}" defer></script>',
        '{{ date(on, style="short") }}',
        "{# style= is banned #}<p>Plain</p>",
        """{% set late = invoices(on=today) %}<button class="btn" type="submit">Pay</button>""",
    ],
)
def test_the_lint_lets_honest_templates_pass(source: str) -> None:
    assert broken_rules(source) == []


def test_mails_and_pdfs_alone_may_be_styled() -> None:
    assert broken_rules('<td style="color: red">', styled=True) == []
    assert broken_rules('<td onclick="go()">', styled=True) == ["an event attribute"]
