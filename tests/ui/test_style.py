"""Colours of the page that can be read: WCAG 2.2 AA asks for a contrast of 4.5:1."""

import re
from pathlib import Path

import pytest

from nl2sql_arena import ui

CSS = Path(ui.__file__).with_name("style.css").read_text(encoding="utf-8")
THEME = ui.theme()
GROUNDS = ("body_background_fill", "background_fill_primary", "background_fill_secondary", "block_background_fill")
INKS = ("body_text_color", "body_text_color_subdued", "block_label_text_color", "block_title_text_color")


def variables(selector):
    """The colours that our own style sheet names."""
    body = re.search(rf"^{re.escape(selector)} {{(.*?)}}", CSS, re.MULTILINE)[1]
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", body))


def themed(name, dark):
    """A colour of the theme, its references followed."""
    value = getattr(THEME, f"{name}_dark", None) if dark else None
    value = value or getattr(THEME, name)
    return themed(value.removeprefix("*"), dark) if value.startswith("*") else {"white": "#ffffff", "black": "#000000"}.get(value, value)


def luminance(colour):
    """Relative luminance of `#rrggbb` (WCAG 2.2)."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize(("selector", "dark"), [(":root", False), (".dark", True)])
def test_text_can_be_read_on_every_ground(selector, dark):
    grounds = {name: themed(name, dark) for name in GROUNDS}
    inks = variables(selector) | {name: themed(name, dark) for name in INKS}
    assert {"side-a", "side-b", "good", "warn", "bad"} <= set(inks)
    low = {(ink, ground): round(contrast(inks[ink], grounds[ground]), 2) for ink in inks for ground in grounds}
    assert not {pair: ratio for pair, ratio in low.items() if ratio < 4.5}


@pytest.mark.parametrize("dark", [False, True])
def test_text_on_the_main_button_can_be_read(dark):
    assert contrast(themed("button_primary_text_color", dark), themed("button_primary_background_fill", dark)) >= 4.5


def test_both_schemes_name_the_same_colours():
    assert variables(":root").keys() == variables(".dark").keys()
