"""Votes and the benchmark in one picture: its numbers, without a page."""

from hypothesis import given
from hypothesis import strategies as st

from nl2sql_arena.benchmark.runs import Measured, StoredRun
from nl2sql_arena.ui.votes import chart
from nl2sql_arena.votes.ballots import Ballot, swapped
from tests.ballot_boxes import ALPHA, BETA, ballot, boxes

RUN = StoredRun(Measured("run", "2026-11-27T12:00:00+00:00", "all", "0123", "arena", 0, "", ("shop",), "strict", "here", {}, ()), ())


@given(boxes(), st.data())
def test_neither_sides_nor_order_change_the_chart(box: list[Ballot], data: st.DataObject) -> None:
    plain = [each for each in box if each.blind]
    turned = [swapped(each) if data.draw(st.booleans()) else each for each in data.draw(st.permutations(plain))]
    assert chart.rows(chart.compared(turned, RUN, ALPHA, BETA)) == chart.rows(chart.compared(plain, RUN, ALPHA, BETA))


def test_people_are_shown_by_random_questions_alone_each_level_for_itself() -> None:
    votes = [
        ballot("model_a", level="easy"),
        ballot("model_a", voter="bob", level="hard"),
        ballot("model_b", voter="cem", level="hard"),
        *(ballot("model_b", voter="dee", level="easy", chosen=chosen) for chosen in ("differs", "picked", "control")),
        ballot("model_b", level="easy", same_result=True),
    ]
    found = chart.rows(chart.compared(votes, RUN, ALPHA, BETA))
    people = {row["level"]: (row["n"], row["share"]) for row in found if row["what"] == "people prefer the first"}
    assert (people["all"], people["easy"], people["hard"], people["extra"]) == ((3, 2 / 3), (1, 1.0), (2, 0.5), (0, None))
