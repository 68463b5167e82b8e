"""Marks of Markdown as HTML, also where one is inside another."""

import pytest

from nl2sql_arena.benchmark import document
from nl2sql_arena.benchmark.document import Document, Section, Table, Text


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**Right, or luck? (`--variants`)**", "<b>Right, or luck? (<code>--variants</code>)</b>"),
        ("`2 ** 3` and `4 ** 5`", "<code>2 &#42;&#42; 3</code> and <code>4 &#42;&#42; 5</code>"),
        ("**a** [b](https://example.org/c) <d>", '<b>a</b> <a href="https://example.org/c">b</a> &lt;d&gt;'),
        ("31 % (26 to 36) of 285", "31\u00a0% (26\u00a0to\u00a036) of 285"),
        ("-2.8 (-6.4 to +0.8)", "-2.8 (-6.4\u00a0to\u00a0+0.8)"),
        ("2 to be sure", "2 to be sure"),
    ],
)
def test_marks_become_html_and_an_interval_stays_on_one_line(text: str, html: str) -> None:
    assert document.inline(text) == html


def test_markdown_keeps_plain_spaces() -> None:
    table = Table(("a",), (("31 % (26 to 36) of 285",),))
    assert "31 % (26 to 36) of 285" in document.markdown(Document("t", "l", (Section("s", (table, Text("x"))),)))
