"""A written document as records, and as Markdown or one self-contained HTML page. Knows nothing of what it tells. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

CSS = """
:root { color-scheme: light dark; --ink: #1e293b; --soft: #64748b; --line: #cbd5e1; --page: #fff; --shade: #f1f5f9; --link: #4338ca; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e2e8f0; --soft: #94a3b8; --line: #475569; --page: #0f172a; --shade: #1e293b; --link: #a5b4fc; } }
* { box-sizing: border-box; }
body { font: 16px/1.55 ui-sans-serif, system-ui, sans-serif; color: var(--ink); background: var(--page); margin: 0 auto; padding: 24px 16px;
  max-width: 900px; overflow-wrap: break-word; }
h1 { line-height: 1.2; } h2 { margin-top: 2.2em; border-bottom: 1px solid var(--line); padding-bottom: .2em; }
a { color: var(--link); } .soft, figcaption { color: var(--soft); font-size: 14px; }
figure { margin: 1.2em 0; } figure h3, figure p { margin: .2em 0; } .wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
pre, code { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: 13px; background: var(--shade); border-radius: 4px; }
code { padding: 1px 4px; } pre { padding: 10px 12px; overflow-x: auto; white-space: pre-wrap; } pre code { padding: 0; }
.main-svg text:not(.bartext) { fill: var(--ink) !important; }
@media print { body { max-width: none; font-size: 11pt; } h2 { break-after: avoid; } figure, pre, tr { break-inside: avoid; } }
"""


@dataclass(frozen=True)
class Text:
    """A paragraph; `code`, **bold** and [links](https://...) are marked as in Markdown."""

    text: str


@dataclass(frozen=True)
class Points:
    """A list, each item like a Text."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """`rows` have as many cells as `head`, each like a Text."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True)
class Picture:
    """A chart, with a title and a line on what it shows above it, and notes below, each like a Text; Markdown has no place for it, so its
    numbers must stand in a table, too.
    """

    figure: go.Figure
    title: str = ""
    said: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Code:
    text: str
    language: str = ""


Block = Text | Points | Table | Picture | Code


@dataclass(frozen=True)
class Section:
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    title: str
    lead: str
    sections: tuple[Section, ...]


def markdown(document: Document) -> str:
    """The document without its pictures."""
    parts = [f"# {document.title}", document.lead]
    for section in document.sections:
        parts += [f"## {section.title}", *(_in_markdown(block) for block in section.blocks if not isinstance(block, Picture))]
    return "\n\n".join(parts) + "\n"


def _in_markdown(block: Block) -> str:
    if isinstance(block, Table):
        lines = [block.head, tuple("---" for _ in block.head), *block.rows]
        grid = "\n".join("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines)
        return f"{grid}\n\n{block.caption}" if block.caption else grid
    if isinstance(block, Code):
        return f"```{block.language}\n{block.text}\n```"
    if isinstance(block, Points):
        return "\n".join(f"- {item}" for item in block.items)
    return block.text if isinstance(block, Text) else ""


def html(document: Document) -> str:
    """One page that needs nothing else: styles, and Plotly's script once, are in it."""
    body = [f"<h1>{inline(document.title)}</h1>", f'<p class="soft">{inline(document.lead)}</p>']
    for section in document.sections:
        body += [f"<h2>{inline(section.title)}</h2>", *(_in_html(block) for block in section.blocks)]
    has_pictures = any(isinstance(block, Picture) for section in document.sections for block in section.blocks)
    script = f"<script>{get_plotlyjs()}</script>" if has_pictures else ""
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(document.title)}</title>'
    )
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>{CSS}</style>{script}</head>\n<body>\n'
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _in_html(block: Block) -> str:
    if isinstance(block, Table):
        caption = f"<figcaption>{inline(block.caption)}</figcaption>" if block.caption else ""
        rows = "".join(_row("td", row) for row in block.rows)
        return f'<figure><div class="wide"><table>{_row("th", block.head)}{rows}</table></div>{caption}</figure>'
    if isinstance(block, Picture):
        options = {"displaylogo": False, "responsive": True, "displayModeBar": False}
        drawn = block.figure.to_html(full_html=False, include_plotlyjs=False, config=options)
        above = f"<h3>{inline(block.title)}</h3>" * bool(block.title) + f'<p class="soft">{inline(block.said)}</p>' * bool(block.said)
        below = f"<figcaption>{inline(' '.join(block.notes))}</figcaption>" if block.notes else ""
        return f"<figure>{above}{drawn}{below}</figure>"
    if isinstance(block, Code):
        return f"<pre><code>{escape(block.text)}</code></pre>"
    if isinstance(block, Points):
        return "<ul>" + "".join(f"<li>{inline(item)}</li>" for item in block.items) + "</ul>"
    return f"<p>{inline(block.text)}</p>"


def _row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{inline(cell)}</{tag}>" for cell in cells) + "</tr>"


def inline(text: str) -> str:
    """Markdown's `code`, **bold** and [links](...) as HTML, all else as it is."""
    parts = re.split(r"(`[^`]+`)", text)
    told = "".join(_code(part[1:-1]) if part.startswith("`") and len(part) > 2 else _marked(part) for part in parts)
    return re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", told)


def _code(text: str) -> str:
    """A star in it is no mark."""
    return f"<code>{escape(text).replace('*', '&#42;')}</code>"


def _marked(text: str) -> str:
    """A line breaks neither before a % nor around the `to` of an interval."""
    together = re.sub(r"(?<=\d) (?=%)|(?<=[\d%]) (?=to [+−-]?\d)|(?<=[\d%] to) (?=[+−-]?\d)", "\u00a0", escape(text))
    return re.sub(r"\[([^\]]+)\]\((https?://[^)\s]+)\)", r'<a href="\2">\1</a>', together)
