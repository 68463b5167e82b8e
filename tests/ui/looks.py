"""What any page of the app must pass, as JavaScript for the browser."""

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
