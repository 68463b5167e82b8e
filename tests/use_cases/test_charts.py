"""What every chart must show: what was measured on what, every n, what is thin, what it cannot tell apart."""

import csv
import io
import json
import math
from dataclasses import replace
from typing import Any, get_args

import pytest

from nl2sql_arena.benchmark import charts
from nl2sql_arena.benchmark.charts import CHARTS, Shown
from nl2sql_arena.benchmark.runner import Result
from nl2sql_arena.stats import wilson
from nl2sql_arena.types import Outcome
from tests.use_cases.judged import CTE, HARD, result, stored

TITLES = {"a": "Model A", "b": "Model B"}


def some(count: int) -> list[Result]:
    a = [result("a", n, n % 2 == 0, HARD if n % 3 else CTE, seconds=n) for n in range(count)]
    return a + [result("b", n, n % 4 == 0, HARD if n % 3 else CTE, outcome="ok" if n % 5 else "empty") for n in range(count)]


def shown(results: list[Result], **changes: Any) -> Shown:
    return replace(Shown(results, TITLES, "spider", "12 dev questions, data 0123", stored=False), **changes)


def said(figure: Any) -> str:
    """The whole caption."""
    told = charts.caption(figure)
    return " ".join((told.title, told.run, *told.notes))


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize("count", [0, 1, 7, 130])
def test_every_chart_is_drawn_from_the_first_answer_on_and_says_what_it_is_of(name: str, count: int) -> None:
    live = CHARTS[name].figure(shown(some(count)[: 2 * count - 1] if count else []))
    kept = CHARTS[name].figure(shown(some(count), stored=True, at="2026-11-28T03:35:41+00:00"))
    assert charts.caption(live).run.startswith("Live: ")
    assert charts.caption(kept).run.startswith("Stored run of 2026-11-28: ")
    for figure in (live, kept):
        assert "12 dev questions, data 0123" in charts.caption(figure).run
        assert figure.layout.title.text is None, "a caption breaks its lines outside the drawing, where no line can overlap it"
        assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
        json.loads(figure.to_json())


@pytest.mark.parametrize("name", charts.LEVELED)
def test_a_chart_by_level_names_whose_levels_they_are(name: str) -> None:
    assert "Spider" in said(CHARTS[name].figure(shown(some(3))))
    assert "DuckDB-aware" in said(CHARTS[name].figure(shown(some(3), axis="duckdb")))


def test_bars_bear_their_intervals_and_stand_over_their_share_and_n() -> None:
    results = [result("a", n, n < 3) for n in range(4)] + [result("a", n, False, HARD) for n in range(10, 17)]
    data = CHARTS["accuracy"].figure(shown(results)).to_plotly_json()["data"]
    bar = next(each for each in data if each["type"] == "bar")
    assert [each and round(each, 3) for each in bar["y"]] == [27.273, 75.0, None, 0.0, None]
    easy = wilson(3, 4)
    assert math.isclose(bar["y"][1] + bar["error_y"]["array"][1], 100 * easy.high)
    assert math.isclose(bar["y"][1] - bar["error_y"]["arrayminus"][1], 100 * easy.low)
    assert bar["error_y"]["array"][3] > 0, "a bar of no height has an interval"
    texts = [each for each in data if each["type"] == "scatter" and each["mode"] == "text"]
    assert list(texts[0]["text"]) == ["27", "75", "–", "0", "–"]
    assert list(texts[0]["x"]) == list(bar["x"])
    numbers = {(round(x, 2), text) for each in texts[1:] for x, text in zip(each["x"], each["text"], strict=True)}
    assert {(round(bar["x"][0], 2), "11"), (round(bar["x"][1], 2), "4"), (round(bar["x"][3], 2), "7")} <= numbers
    assert max(height for each in texts for height in each["y"]) < 0, "below the bars"


def test_an_n_that_all_bars_of_a_level_share_is_said_once() -> None:
    data = CHARTS["accuracy"].figure(shown(some(12))).to_plotly_json()["data"]
    texts = [list(each["text"]) for each in data if each.get("mode") == "text"]
    assert texts[-1] == ["12 each", "4 each", "0 each", "8 each", "0 each"]
    assert len(texts) == 3


def test_a_level_with_few_questions_is_hollow_and_the_chart_says_so() -> None:
    results = [result("a", n, True) for n in range(100)] + [result("a", n, True, HARD) for n in range(200, 299)]
    figure = CHARTS["accuracy"].figure(shown(results))
    bar = next(each for each in figure.to_plotly_json()["data"] if each["type"] == "bar")
    assert [colour == charts.CLEAR for colour in bar["marker"]["color"]] == [False, False, True, True, True]
    assert "Hollow" in said(figure)
    assert "Hollow" not in said(CHARTS["accuracy"].figure(shown(results[:100])))


def test_the_main_chart_says_what_it_cannot_tell_apart() -> None:
    assert "Smallest difference of two models" in said(CHARTS["accuracy"].figure(shown(some(40))))
    assert "Smallest" not in said(CHARTS["accuracy"].figure(shown([result("a", n, True) for n in range(40)])))


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_says_what_it_cannot_tell_apart(name: str) -> None:
    assert "resolve" in said(CHARTS[name].figure(shown(some(40))))
    assert "resolve" not in said(CHARTS[name].figure(shown([result("a", n, True) for n in range(40)])))


def test_a_paired_difference_has_its_interval_its_n_and_its_p() -> None:
    results = [result("a", n, n < 8) for n in range(10)] + [result("b", n, n < 1) for n in range(10)]
    figure = CHARTS["paired"].figure(shown(results))
    data = figure.to_plotly_json()
    assert data["layout"]["xaxis"]["ticktext"][0] == "all<br>10<br>.016<br>.016"
    assert [each["text"] for each in data["layout"]["annotations"]][-1] == " <br>n<br>p<br>Holm", "what the lines are"
    point = next(each for each in data["data"] if each.get("y"))
    assert [round(each, 6) for each in point["y"]] == [70.0]
    turned = CHARTS["paired"].figure(shown(results, pair=("b", "a"))).to_plotly_json()["data"]
    assert [round(each, 6) for each in next(each for each in turned if each.get("y"))["y"]] == [-70.0]


def test_one_model_alone_has_no_pair() -> None:
    alone = shown([result("a", 1, True)], titles={"a": "Model A"})
    for name in ("paired", "agreement"):
        assert "Too few models" in said(CHARTS[name].figure(alone))
        assert CHARTS[name].rows(alone) == []


def test_every_outcome_has_its_part_and_together_they_are_all_answers() -> None:
    every: list[Outcome] = list(get_args(Outcome))
    results = [result("a", n, None if outcome == "infrastructure" else False, outcome=outcome) for n, outcome in enumerate(every)]
    bars = [each for each in CHARTS["outcomes"].figure(shown(results)).to_plotly_json()["data"] if each["type"] == "bar"]
    assert [each["name"] for each in bars] == [charts.OUTCOME_WORDS[outcome] for outcome in every]
    assert [each["x"][0] for each in bars] == [100 / len(every)] * len(every)
    assert [(row["outcome"], row["answers"]) for row in CHARTS["outcomes"].rows(shown(results)) if row["model"] == "a"] == [
        (outcome, 1) for outcome in every
    ]


def test_agreement_counts_each_question_once() -> None:
    bars = [each for each in CHARTS["agreement"].figure(shown(some(12))).to_plotly_json()["data"] if each["type"] == "bar"]
    assert [each["name"] for each in bars] == ["both right", "only Model A", "only Model B", "neither"]
    assert [sum(each["customdata"][place][0] for each in bars) for place in range(5)] == [12, 4, 0, 8, 0]
    assert [each["customdata"][0][0] for each in bars] == [3, 3, 0, 6]


def test_time_and_length_have_a_point_for_each_model_and_one_for_each_level() -> None:
    rows = CHARTS["effort"].rows(shown(some(9)))
    whole = next(row for row in rows if (row["model"], row["level"]) == ("a", "all"))
    assert (whole["median_seconds"], whole["median_tokens"], whole["n"]) == (4, 10, 9)
    marks = [
        each for each in CHARTS["effort"].figure(shown(some(9))).to_plotly_json()["data"] if each.get("y") and each["y"][0] is not None
    ]
    assert len(marks) == 2 * 2 * 3, "two panels, two models, all and the two levels that there are"


@pytest.mark.parametrize("name", CHARTS)
def test_rows_make_a_csv_with_an_n_in_every_line(name: str) -> None:
    rows = CHARTS[name].rows(shown(some(12)))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    read = list(csv.DictReader(io.StringIO(text.getvalue())))
    assert len(read) == len(rows) > 1
    assert {"n", "of"} & set(read[0])
    json.dumps(rows, allow_nan=False)


def test_a_run_says_that_its_models_are_practice_models() -> None:
    run = stored(*some(3))
    assert "practice models" in charts.shown(run.measured, run.results, stored=True).subtitle
    real = stored(*some(3), kinds={"a": "real", "b": "baseline"})
    assert "practice" not in charts.shown(real.measured, real.results, stored=True).subtitle
