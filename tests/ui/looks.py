"""What any page of the app must pass, and how a test waits for it.

Gradio applies an update component by component, and some parts of a component later than others: what follows from an action is
expected (`expect` looks again until it is so), never read once.
"""

import time

from playwright.sync_api import expect

WAIT_MS = 60_000
"""For whatever a page should come to show; a machine with other work is slow."""
expect.set_options(timeout=WAIT_MS)

READABLE = """() => {
  const rgb = (text) => (text.match(/[0-9.]+/g) || []).map(Number);
  const light = (c) => { const [r, g, b] = c.map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] > 0.99) return c.slice(0, 3); } return [255, 255, 255]; };
  const found = [];
  for (const e of document.querySelectorAll('main *')) {
    const text = [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data).join('').trim();
    if (!text || !e.checkVisibility({visibilityProperty: true, opacityProperty: true})) continue;
    if (e.closest('.cm-editor, svg, [disabled], script, style')) continue;
    const one = light(rgb(getComputedStyle(e).color).slice(0, 3)), other = light(ground(e));
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < 4.5) found.push(`${contrast.toFixed(2)} ${e.tagName}.${e.className} ${text.slice(0, 40)}`);
  }
  return found;
}"""
"""Texts whose contrast is below WCAG's 4.5:1."""
UNNAMED = """() => [...document.querySelectorAll('main input, main textarea, main select, main button, main [role=textbox]')]
  .filter((e) => e.checkVisibility() && e.type !== 'hidden')
  .filter((e) => !(e.getAttribute('aria-label') || e.labels?.[0]?.innerText.trim() || e.innerText?.trim() || e.title
    || document.getElementById(e.getAttribute('aria-labelledby'))?.innerText.trim()))
  .map((e) => e.outerHTML.slice(0, 200))"""
"""Controls that a screen reader cannot name."""


def overflow(page):
    """Pixels by which a page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


def faults(page):
    """Each thing on the page that is wider than the window, too faint, or without a name."""
    wider = overflow(page)
    return [f"{wider} pixels wider than the window"] * (wider > 0) + page.evaluate(READABLE) + page.evaluate(UNNAMED)


def check(page, picture):
    """Nothing is wrong with the page's looks once it is laid out; a picture of it is left for whoever wants to see it."""
    until = time.monotonic() + WAIT_MS / 1000
    while (found := faults(page)) and time.monotonic() < until:
        page.wait_for_timeout(100)
    page.screenshot(path=picture, full_page=True)
    assert found == []
