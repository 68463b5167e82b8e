"""What further passes found, as it is shown: every figure with n and interval, and what another version kept is refused in a sentence."""

import csv
import io
import json
from typing import Any

import pytest

from nl2sql_arena.benchmark import charts, passes
from nl2sql_arena.benchmark.charts import Shown
from nl2sql_arena.benchmark.document import Table, Text
from nl2sql_arena.errors import BadInput
from tests.use_cases.judged import found_by_passes

TITLES = {"a": "Model A", "b": "Model B"}
FOUND = found_by_passes("a")
SHOWN = Shown((), TITLES, "spider", "12 dev questions, data 0123", stored=True, at="2026-11-28T03:35:41+00:00")


def table(name: str) -> Table:
    (found,) = [block for block in passes.told(FOUND, TITLES)[name] if isinstance(block, Table)]
    return found


def test_a_pass_that_was_not_made_is_not_shown() -> None:
    assert passes.told({}, TITLES) == {}
    assert list(passes.told({"efficiency": FOUND["efficiency"]}, TITLES)) == ["efficiency"]
    assert list(passes.told(FOUND, TITLES)) == list(passes.PASSES)


def test_the_stricter_accuracy_stands_beside_the_plain_one_with_both_intervals() -> None:
    assert table("variants").rows == (("Model A", "50 % (10 to 90) of 4", "25 % (10 to 90) of 4", "1", "1", "0"),)
    assert "seeds 1 and 2" in table("variants").caption
    assert Text("3 questions count on neither side: 1 since no generator.") in passes.told(FOUND, TITLES)["variants"]
    assert passes.lucky(FOUND["variants"]) == {("shop", "shop-1"): [("a", "seed 1: the same table, seed 2: other rows")]}


def test_r_ves_says_its_repeats_and_has_an_interval_for_each_level_that_there_is() -> None:
    found = table("efficiency")
    assert found.rows[0][:4] == ("Model A", "61.2 (40.0 to 82.5) of 4", "61.2 (40.0 to 82.5) of 4", "–")
    assert found.rows[0][-2:] == ("61.2 of 1", "0"), "one value alone has no interval"
    assert "12 repeats" in found.caption
    assert "Spider levels" in found.caption


def test_a_drop_has_its_n_interval_and_both_ps() -> None:
    row = dict(zip(table("robustness").head, table("robustness").rows[0], strict=True))
    assert (row["n"], row["before"], row["after"]) == ("4", "50 % (10 to 90)", "25 % (10 to 90)")
    assert (row["drop"], row["lost"], row["gained"], row["unscored"]) == ("+25.0 (-10.0 to +50.0)", "1", "0", "1")
    assert (row["p"], row["p, Holm"]) == ("0.500", "1.000")


def test_the_drops_are_drawn_with_their_intervals_and_few_questions_are_hollow() -> None:
    figure = passes.drops(FOUND["robustness"], SHOWN)
    said = charts.caption(figure)
    assert said.run == "Stored run of 2026-11-28: 12 dev questions, data 0123."
    assert any("Hollow" in note for note in said.notes)
    point = next(each for each in figure.to_plotly_json()["data"] if each.get("y") is not None and each["y"][0] is not None)
    assert list(point["x"]) == [25.0]
    assert [round(point["x"][0] + each, 6) for each in (point["error_x"]["array"][0], -point["error_x"]["arrayminus"][0])] == [50.0, -10.0]
    assert point["marker"]["symbol"] == ["circle-open"]
    assert list(figure.layout.yaxis.ticktext) == ["typos<br>n=4"]
    json.loads(figure.to_json())


def test_a_slice_without_a_scored_question_is_drawn_empty() -> None:
    none: dict[str, Any] = {"value": None, "low": 0.0, "high": 1.0, "n": 0}
    empty = FOUND["robustness"]["slices"]["typos"]["models"]["a"] | {"n": 0, "before": none, "after": none, "drop": none | {"low": -1.0}}
    found = {"seed": 0, "slices": {"typos": {"about": "typos", "left": {}, "models": {"a": empty}}}}
    assert passes.told({"robustness": found}, TITLES)
    assert list(passes.drops(found, SHOWN).layout.yaxis.ticktext) == ["typos<br>n=0"]


def test_drops_make_a_csv_with_an_n_in_every_line() -> None:
    rows = passes.drop_rows(FOUND["robustness"])
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    (read,) = csv.DictReader(io.StringIO(text.getvalue()))
    assert (read["guise"], read["model"], read["n"], read["drop"], read["p_holm"]) == ("typos", "a", "4", "0.25", "1.0")


@pytest.mark.parametrize("found", [{"variants": {"seeds": [1]}}, {"robustness": {"slices": []}}, {"efficiency": None}])
def test_what_another_version_kept_is_refused_in_a_sentence(found: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="make them again with bench run"):
        passes.told(found, TITLES)
