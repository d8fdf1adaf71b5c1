"""The colours: generated, and readable on everything they stand on."""

from __future__ import annotations

import pytest

from tests.design import tokens
from web import assets


def test_the_stylesheet_holds_the_generated_tokens() -> None:
    assert (assets.FOLDER / "css" / "00-tokens.css").read_text() == tokens.generate()


@pytest.mark.parametrize("mode", tokens.MODES)
def test_every_pair_reaches_its_contrast(mode: tokens.Mode) -> None:
    pairs = list(tokens.contrast_pairs(mode))
    assert len(pairs) == 66
    assert [pair for pair in pairs if pair.ratio < pair.least] == []


def test_contrast_is_that_of_wcag() -> None:
    assert tokens.contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert tokens.contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


def test_a_colour_outside_the_gamut_loses_chroma_only() -> None:
    assert tokens.hex_of((0.5, 0.9, 29)) == tokens.hex_of((0.5, 0.4, 29))
    assert tokens.hex_of((1, 0, 0)) == "#FFFFFF"
