"""The colour tokens: OKLCH in, sRGB hex out, and the contrast every pair must keep (WCAG 2.x).

`python -m tests.design.tokens > static/css/00-tokens.css` writes the stylesheet's first file.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Mode = Literal["light", "dark"]
Colour = tuple[float, float, float]  # OKLCH: lightness 0 to 1, chroma, hue in degrees
Tone = dict[str, Colour]

MODES: tuple[Mode, Mode] = ("light", "dark")
PAPER = 82  # the hue of the neutrals: warm paper
COBALT = 266  # the hue of the one action

SURFACES: dict[Mode, dict[str, Colour]] = {
    "light": {
        "canvas": (0.983, 0.0025, PAPER),
        "surface": (1, 0, 0),
        "sunken": (0.965, 0.0035, PAPER),
        "hover": (0.955, 0.004, PAPER),
        "line": (0.918, 0.004, PAPER),
        "line-2": (0.865, 0.006, PAPER),
        "line-control": (0.62, 0.010, PAPER),
        "text": (0.215, 0.008, PAPER),
        "text-2": (0.43, 0.010, PAPER),
        "text-3": (0.505, 0.011, PAPER),
        "accent": (0.485, 0.205, COBALT),
        "accent-hover": (0.425, 0.195, COBALT),
        "accent-text": (0.455, 0.2, COBALT),
        "accent-tint": (0.966, 0.016, COBALT),
        "accent-line": (0.86, 0.062, COBALT),
        "on-accent": (1, 0, 0),
    },
    "dark": {
        "canvas": (0.172, 0.004, PAPER),
        "surface": (0.212, 0.0045, PAPER),
        "sunken": (0.155, 0.004, PAPER),
        "hover": (0.25, 0.005, PAPER),
        "line": (0.29, 0.005, PAPER),
        "line-2": (0.355, 0.006, PAPER),
        "line-control": (0.565, 0.009, PAPER),
        "text": (0.955, 0.004, PAPER),
        "text-2": (0.775, 0.007, PAPER),
        "text-3": (0.685, 0.008, PAPER),
        "accent": (0.535, 0.2, COBALT),
        "accent-hover": (0.572, 0.195, COBALT),
        "accent-text": (0.775, 0.112, COBALT),
        "accent-tint": (0.27, 0.052, COBALT),
        "accent-line": (0.42, 0.1, COBALT),
        "on-accent": (1, 0, 0),
    },
}

# A status tone: its ground, the words on it, its hairline, its icon.
TONES: dict[Mode, dict[str, Tone]] = {
    "light": {
        "neutral": {
            "bg": (0.948, 0.004, PAPER),
            "fg": (0.40, 0.011, PAPER),
            "line": (0.87, 0.006, PAPER),
            "solid": (0.55, 0.012, PAPER),
        },
        "blue": {
            "bg": (0.955, 0.022, 238),
            "fg": (0.425, 0.12, 246),
            "line": (0.87, 0.055, 238),
            "solid": (0.58, 0.14, 242),
        },
        "violet": {
            "bg": (0.955, 0.022, 300),
            "fg": (0.43, 0.16, 300),
            "line": (0.87, 0.055, 300),
            "solid": (0.56, 0.19, 300),
        },
        "teal": {
            "bg": (0.955, 0.022, 195),
            "fg": (0.41, 0.072, 205),
            "line": (0.87, 0.055, 195),
            "solid": (0.58, 0.10, 205),
        },
        "green": {
            "bg": (0.957, 0.028, 156),
            "fg": (0.40, 0.095, 154),
            "line": (0.87, 0.055, 152),
            "solid": (0.56, 0.135, 154),
        },
        "amber": {
            "bg": (0.958, 0.036, 85),
            "fg": (0.435, 0.095, 66),
            "line": (0.875, 0.075, 82),
            "solid": (0.625, 0.142, 64),
        },
        "red": {
            "bg": (0.957, 0.02, 22),
            "fg": (0.45, 0.165, 27),
            "line": (0.88, 0.052, 22),
            "solid": (0.555, 0.205, 27),
        },
    },
    "dark": {
        "neutral": {
            "bg": (0.29, 0.005, PAPER),
            "fg": (0.83, 0.006, PAPER),
            "line": (0.40, 0.006, PAPER),
            "solid": (0.66, 0.008, PAPER),
        },
        "blue": {
            "bg": (0.285, 0.045, 238),
            "fg": (0.835, 0.092, 238),
            "line": (0.40, 0.065, 238),
            "solid": (0.70, 0.13, 238),
        },
        "violet": {
            "bg": (0.285, 0.07, 300),
            "fg": (0.83, 0.09, 302),
            "line": (0.40, 0.065, 300),
            "solid": (0.70, 0.15, 300),
        },
        "teal": {
            "bg": (0.285, 0.045, 195),
            "fg": (0.835, 0.092, 195),
            "line": (0.40, 0.065, 195),
            "solid": (0.70, 0.13, 195),
        },
        "green": {
            "bg": (0.28, 0.045, 156),
            "fg": (0.845, 0.105, 155),
            "line": (0.40, 0.065, 152),
            "solid": (0.72, 0.15, 155),
        },
        "amber": {
            "bg": (0.29, 0.045, 72),
            "fg": (0.855, 0.105, 82),
            "line": (0.42, 0.07, 76),
            "solid": (0.78, 0.14, 76),
        },
        "red": {
            "bg": (0.28, 0.07, 24),
            "fg": (0.785, 0.125, 22),
            "line": (0.42, 0.11, 24),
            "solid": (0.68, 0.18, 25),
        },
    },
}

# Five steps of age, from calm to hot.
AGES: dict[Mode, tuple[Colour, ...]] = {
    "light": (
        (0.64, 0.085, 252),
        (0.665, 0.132, 80),
        (0.615, 0.148, 60),
        (0.545, 0.17, 40),
        (0.445, 0.17, 27),
    ),
    "dark": ((0.62, 0.09, 252), (0.80, 0.115, 86), (0.735, 0.145, 64), (0.67, 0.17, 42), (0.625, 0.2, 26)),
}


@dataclass(frozen=True, slots=True)
class Pair:
    """One colour on another, and the ratio they must reach."""

    mode: Mode
    front: str
    back: str
    ratio: float
    least: float


def generate() -> str:
    """The text of static/css/00-tokens.css."""
    light, dark = hex_tokens("light"), hex_tokens("dark")
    return "\n".join(
        [
            "/* Generated by tests/design/tokens.py from OKLCH, contrast-checked. Not edited by hand. */",
            "@layer tokens, reset, base, layout, components, pages, utilities, print;",
            "@layer tokens {",
            "  :root {",
            "    color-scheme: light dark;",
            *[f"    --{name}: light-dark({light[name]}, {dark[name]});" for name in light],
            "  }",
            '  [data-theme="light"] { color-scheme: light; }',
            '  [data-theme="dark"] { color-scheme: dark; }',
            "}",
            "",
        ]
    )


def hex_tokens(mode: Mode) -> dict[str, str]:
    """Every token of one mode as '#RRGGBB'."""
    tokens = {name: hex_of(colour) for name, colour in SURFACES[mode].items()}
    for tone, parts in TONES[mode].items():
        tokens |= {f"{tone}-{part}": hex_of(colour) for part, colour in parts.items()}
    return tokens | {f"age-{step}": hex_of(colour) for step, colour in enumerate(AGES[mode])}


def contrast_pairs(mode: Mode) -> Iterator[Pair]:
    """What must be readable on what: 4.5 for words (7 for body text), 3 for icons, borders and bars."""
    tokens = hex_tokens(mode)

    def pair(front: str, back: str, least: float) -> Pair:
        return Pair(mode, front, back, contrast(tokens[front], tokens[back]), least)

    for back in ("canvas", "surface", "sunken", "hover"):
        yield pair("text", back, 7)
        yield pair("text-2", back, 4.5)
        yield pair("text-3", back, 4.5)
        yield pair("accent-text", back, 4.5)
        yield pair("line-control", back, 3)
    yield pair("on-accent", "accent", 4.5)
    yield pair("on-accent", "accent-hover", 4.5)
    yield pair("accent-text", "accent-tint", 4.5)
    yield pair("text", "accent-tint", 7)
    yield pair("accent", "surface", 3)
    yield pair("accent", "canvas", 3)
    for tone in TONES[mode]:
        yield pair(f"{tone}-fg", f"{tone}-bg", 4.5)
        yield pair(f"{tone}-fg", "surface", 4.5)
        yield pair(f"{tone}-fg", "canvas", 4.5)
        yield pair(f"{tone}-solid", "surface", 3)
        yield pair(f"{tone}-solid", f"{tone}-bg", 3)
    for step in range(len(AGES[mode])):
        yield pair(f"age-{step}", "surface", 3)


def contrast(one: str, other: str) -> float:
    """WCAG 2.x contrast ratio of two '#RRGGBB' colours, 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def hex_of(colour: Colour) -> str:
    """An OKLCH colour in sRGB; what lies outside the gamut loses chroma, never lightness."""
    lightness, chroma, hue = colour
    low, high = 0.0, chroma
    if not _in_gamut(_linear_rgb(colour)):
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if _in_gamut(_linear_rgb((lightness, middle, hue))) else (low, middle)
        chroma = low
    channels = (_companded(value) for value in _linear_rgb((lightness, chroma, hue)))
    return "#" + "".join(f"{round(value * 255):02X}" for value in channels)


def _linear_rgb(colour: Colour) -> tuple[float, float, float]:
    """Björn Ottosson's OKLab to linear sRGB (https://bottosson.github.io/posts/oklab/)."""
    lightness, chroma, hue = colour
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _in_gamut(channels: tuple[float, float, float]) -> bool:
    return all(-1e-4 <= value <= 1 + 1e-4 for value in channels)


def _companded(value: float) -> float:
    """Linear light to sRGB, clipped to 0..1."""
    value = max(0.0, value)
    bent = 12.92 * value if value <= 0.0031308 else 1.055 * math.pow(value, 1 / 2.4) - 0.055
    return min(1.0, bent)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else math.pow((value + 0.055) / 1.055, 2.4)


if __name__ == "__main__":
    sys.stdout.write(generate())
