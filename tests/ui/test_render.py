"""What the page says of results, outcomes and votes, and what it remembers of an open page."""

import re
from dataclasses import replace
from typing import get_args

import pytest

from nl2sql_arena.types import (
    WINNERS,
    Answer,
    Battle,
    Column,
    Completion,
    Execution,
    ForeignKey,
    ModelCard,
    Outcome,
    Part,
    Prepared,
    Prompt,
    ResultColumn,
    Schema,
    Table,
    Weights,
)
from nl2sql_arena.ui import render
from nl2sql_arena.ui.sessions import CAPACITY, Sessions
from nl2sql_arena.ui.words import BUTTONS, OUTCOMES, SAID, VERDICTS

HOSTILE = "<script>alert(1)</script>&\"'"


def result(*rows, types=("INTEGER",), names=None, **more):
    columns = tuple(ResultColumn(name, kind) for name, kind in zip(names or "abcdefgh", types, strict=False))
    return Execution("ok", columns, rows, len(rows), **more)


def card(name, title):
    return ModelCard(name, title, "mini", "test", "scripted", "mini", "duckdb", Weights("x"), "MIT", 512)


def answer(model, text="SELECT 1", repairs=(), pruned=()):
    prompt = Prompt("schema", "question", pruned=pruned)
    done = Completion("id", model, text, 10, 7, 0.1, 1.25, "stop")
    return Answer("id", model, "shop", "q", prompt, done, Prepared("SELECT 1", "SELECT 1", repairs), result((1,)), "fp32 on cpu", 1.5)


def cells(html):
    return re.findall(r"<td[^>]*>(.*?)</td>", html)


def test_kinds_of_nothing_look_different():
    shown = cells(render.table(result((None, "", "NaN", "NULL", 0, False), types=("VARCHAR",) * 6)))
    assert len(set(shown)) == 6
    assert shown[0] != shown[3], "the text NULL is no NULL"
    assert shown[2:] == ["NaN", "NULL", "0", "false"]


def test_numbers_are_shown_exactly_and_to_the_right():
    html = render.table(result(("170141183460469231731687303715884105727", 0.1), types=("HUGEINT", "DOUBLE")))
    assert '<td class="num">170141183460469231731687303715884105727</td><td class="num">0.1</td>' in html


def test_a_list_of_numbers_is_text_in_the_words_of_sql():
    html = render.table(result(([1, None, True], {"é": "x"}), types=("INTEGER[]", "STRUCT(é VARCHAR)")))
    assert cells(html) == ["[1, null, true]", "{&quot;é&quot;: &quot;x&quot;}"]
    assert 'class="num"' not in html


def test_columns_of_one_name_are_all_shown():
    html = render.table(result((1, 2), types=("INTEGER", "INTEGER"), names=("a", "a")))
    assert html.count(">a<small>integer</small>") == 2
    assert cells(html) == ["1", "2"]


def test_long_cells_are_cut_visibly():
    (shown,) = cells(render.table(result(("x" * 5_000,), types=("VARCHAR",))))
    assert len(shown) <= render.CELL_CHARS + 1
    assert shown.endswith("…")


@pytest.mark.parametrize(
    ("rows", "more", "words"),
    [
        (1, {}, "1 row"),
        (17, {}, "17 rows"),
        (render.SHOWN_ROWS, {}, "200 rows"),
        (247, {}, "First 200 of 247 rows"),
        (1_000, {"truncated": True}, "First 200 of more than 1,000 rows"),
    ],
)
def test_the_count_says_how_much_is_shown(rows, more, words):
    html = render.result(result(*[(n,) for n in range(rows)], **more))
    assert re.findall(r'<p class="rows">(.*?)</p>', html) == [words]
    assert len(cells(html)) == min(rows, render.SHOWN_ROWS)


def test_every_outcome_verdict_and_winner_has_words():
    assert set(OUTCOMES) == set(get_args(Outcome))
    assert set(VERDICTS) == {"same", "order", "different", "incomparable", "too_long"}
    assert set(BUTTONS) == set(SAID) == set(WINNERS)
    heads = [head for head, _ in OUTCOMES.values()]
    assert len(set(heads)) == len(heads)


@pytest.mark.parametrize("outcome", [each for each in get_args(Outcome) if each != "ok"])
def test_an_outcome_that_is_no_table_is_said_in_words_with_its_message(outcome):
    html = render.result(Execution(outcome, message="line 1\n    ^", error_kind="syntax" if outcome == "error" else None))
    assert all(words in html for words in OUTCOMES[outcome])
    assert ("<pre>line 1\n    ^</pre>" in html) == (outcome not in render.SAID_ALREADY)
    assert "<table>" not in html


def test_a_message_of_one_line_wraps():
    html = render.result(Execution("error", message="There is no table x. " * 20, error_kind="catalog"))
    assert "<pre>" not in html
    assert "There is no table x." in html


def test_a_message_of_several_lines_wraps_where_no_caret_points_at_a_place():
    html = render.result(Execution("error", message="More than one row.\n\nUse another query.", error_kind="other"))
    assert '<pre class="wraps">More than one row.' in html


def test_an_empty_result_still_names_its_columns():
    assert "Columns: id, name" in render.result(Execution("empty", (ResultColumn("id", "INTEGER"), ResultColumn("name", "VARCHAR"))))


def test_text_of_models_databases_and_visitors_is_never_html():
    table = Table(HOSTILE, (Column(HOSTILE, HOSTILE, HOSTILE),), (HOSTILE,), (ForeignKey((HOSTILE,), HOSTILE, (HOSTILE,)),), HOSTILE, 1)
    cards = {"m": card("m", HOSTILE), "n": card("n", "N")}
    hostile = result((HOSTILE, [HOSTILE]), types=(HOSTILE, "VARCHAR[]"), names=(HOSTILE, "l"))
    battle = Battle("id", HOSTILE, "shop", "", "", True, "mini", answer("m", HOSTILE, (HOSTILE,), (HOSTILE,)), answer("n"))
    pages = [
        render.note(HOSTILE),
        render.result(hostile),
        *(render.result(Execution(outcome, hostile.columns, message=HOSTILE)) for outcome in get_args(Outcome) if outcome != "ok"),
        render.schema(Schema("shop", (table,)), {HOSTILE: hostile}),
        render.side_title("A", cards["m"]),
        render.reveal(battle, cards, HOSTILE),
        render.steps((Part(HOSTILE, (f"Take `{HOSTILE}` from {HOSTILE}",), anew=True), Part("", (HOSTILE,)))),
    ]
    for page in pages:
        assert "<script" not in page
        assert "&lt;script" in page


def test_steps_are_numbered_through_all_parts():
    html = render.steps((Part("spent", ("Take `a`.", "Show `b`.")), Part("list 1", ("Take `c`.",), anew=True), Part("", ("Show `d`.",))))
    assert re.findall(r'<ol start="(\d)">', html) == ["1", "3", "4"]
    assert (
        re.sub("<.*?>", "", "|".join(re.findall("<h4>(.*?)</h4>", html)))
        == "To make spent|To make list 1, anew for each row|For the result"
    )
    assert "<h4>" not in render.steps((Part("", ("Show `d`.",)),))
    assert render.steps(()) == ""
    assert "cannot be put in words" in render.steps(None)


def test_a_side_has_no_name_until_it_is_given_one():
    assert "Zebu" not in render.side_title("A")
    assert "Zebu" in render.side_title("A", card("z", "Zebu"))


def test_the_reveal_tells_names_times_repairs_and_verdicts():
    battle = Battle("id", "q", "shop", "", "", True, "mini", answer("m", repairs=("text in quotes read as a value",)), answer("n"))
    html = render.reveal(battle, {"m": card("m", "Zebu"), "n": card("n", "Ibex")}, "Recorded: a tie.")
    assert html.index("Zebu") < html.index("Ibex")
    for said in ("Recorded: a tie.", "1.25 s, 7 tokens", "1.50 s", "text in quotes read as a value", "fp32 on cpu"):
        assert said in html


def test_the_meter_says_how_full_a_context_is_and_what_was_left_out():
    side = replace(answer("m", pruned=("column comments", "orders.note", "orders.paid", "visits")), context=2048)
    side = replace(side, completion=replace(side.completion, prompt_tokens=1412))
    html = render.meter(side)
    assert "Prompt: 1,412 of 2,048 tokens; 2 columns, 1 table, column comments left out" in html
    assert 'class="rows meter warn"' in html
    whole = replace(side, prompt=replace(side.prompt, pruned=()))
    assert "1,412 of 2,048 tokens</p>" in render.meter(whole)
    assert render.meter(replace(side, context=0)) == ""


def test_the_reveal_tells_a_beam_search_from_greedy_decoding():
    battle = Battle("i", "q", "shop", "", "", False, "mini", replace(answer("m"), beams=4), answer("n"))
    html = render.reveal(battle, {"m": card("m", "Zebu"), "n": card("n", "Ibex")}, "Recorded: a tie.")
    left, right = html.split("<section>")[1:]
    assert "<dd>4 beams, as its card asks</dd>" in left
    assert "<dt>Decoding</dt><dd>greedy</dd>" in right


def test_the_comparison_says_how_results_differ():
    assert "12 rows in both, 1,000 only in A, 0 only in B" in render.comparison("different", 1_000, 0, 12, (2, 2))
    assert "A has 1 column, B has 2 columns" in render.comparison("different", 3, 4, 0, (1, 2))
    assert "the same table" in render.comparison("same")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Anna", "Anna"),
        ("Anna  Bo", "Anna  Bo"),
        ("Anna ", 'Anna<span class="blank"> </span>'),
        (" \tAnna\n", '<span class="blank"> \t</span>Anna<span class="blank">\n</span>'),
        ("  ", '<span class="blank">  </span>'),
    ],
)
def test_blanks_at_the_ends_of_a_text_can_be_seen(text, shown):
    assert render.cell(text) == shown


def test_a_page_is_remembered_and_pages_are_apart():
    sessions = Sessions()
    one, other = sessions.of("one"), sessions.of("other")
    assert sessions.of("one") is one
    assert one.voter != other.voter
    assert one.voter != "one", "the store never holds the key to a page"


def test_only_the_newest_pages_are_remembered():
    sessions = Sessions()
    first, second = sessions.of("first"), sessions.of("second")
    for number in range(CAPACITY - 1):
        sessions.of(str(number))
        sessions.of("first")
    assert sessions.of("first") is first
    assert sessions.of("second") is not second


def test_a_new_question_stops_the_one_before():
    session = Sessions().of("page")
    before = session.begin()
    after = session.begin()
    assert before.stop.is_set()
    assert not after.stop.is_set()
    assert session.round is after
