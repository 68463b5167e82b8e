"""A kept run as a report: the same numbers as the run, examples by rule, and no word on real models from a run of minis."""

import json
from dataclasses import replace
from pathlib import Path

import plotly.graph_objects as go
import pytest

from nl2sql_arena import cli
from nl2sql_arena.benchmark import document, figures, metrics, report, runner, runs, study, verify
from nl2sql_arena.benchmark.document import Code, Document, Picture, Points, Section, Table, Text
from nl2sql_arena.benchmark.report import Told
from nl2sql_arena.benchmark.runs import StoredRun
from nl2sql_arena.errors import BadInput
from nl2sql_arena.services import Services
from nl2sql_arena.settings import Settings
from tests.use_cases.judged import found_by_passes
from tests.use_cases.scripted_models import BASELINE, LEFT, RIGHT

PAGE = Document(
    "A < B",
    "said of `a|b`",
    (Section("One", (Text("**bold** & [a link](https://example.org/x)"), Points(("first", "second")),
                     Table(("x", "y"), (("1|2", "<b>"),), "a caption"), Code("SELECT '<'", "sql"), Picture(go.Figure()))),),
)  # fmt: skip


@pytest.fixture(scope="module")
def run(shared: Services, tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    examples = [example for db in ("shop", "clinic") for example in shared.examples(db, "dev")[:9]]
    about = runs.measured(shared, [LEFT, RIGHT, BASELINE], examples, "shop,clinic", "dev", "a test machine", "the first 9 of each")
    folder = tmp_path_factory.mktemp("runs")
    list(runs.kept(folder, about, runner.run(shared, [LEFT, RIGHT, BASELINE], examples, again=True)))
    return runs.find(about.name, folder)


@pytest.fixture(scope="module")
def about(shared: Services, run: StoredRun) -> Told:
    return report.told(run, "spider", shared.clauses(metrics.queries(run.results)), {})


def test_a_report_says_of_each_real_contestant_whether_its_weights_were_verified(about: Told) -> None:
    measured = about.run.measured
    assert not any(verify.UNVERIFIED in each for block in report.limits(about) if isinstance(block, Points) for each in block.items)
    contestants = tuple(replace(each, kind="real") if each.name == LEFT else each for each in measured.contestants)
    real = replace(about, run=replace(about.run, measured=replace(measured, contestants=contestants)))
    (points,) = report.limits(real)
    assert isinstance(points, Points)
    left = next(each for each in contestants if each.name == LEFT)
    assert f"{left.title}, weights {left.revision}: {verify.UNVERIFIED}." in points.items
    assert sum(verify.UNVERIFIED in each for each in points.items) == 1


def test_markdown_keeps_what_is_marked_and_leaves_pictures_out() -> None:
    text = document.markdown(PAGE)
    assert text.startswith("# A < B\n\nsaid of `a|b`\n\n## One\n\n**bold** & [a link](https://example.org/x)\n\n- first\n- second\n")
    assert "| 1\\|2 | <b> |\n\na caption\n\n```sql\nSELECT '<'\n```" in text
    assert "plotly" not in text


def test_a_page_needs_nothing_from_elsewhere_and_lets_no_text_be_markup() -> None:
    page = document.html(PAGE)
    assert "<h1>A &lt; B</h1>" in page
    assert "<code>a|b</code>" in page
    assert '<b>bold</b> &amp; <a href="https://example.org/x">a link</a>' in page
    assert "<td>&lt;b&gt;</td>" in page
    assert "<pre><code>SELECT &#x27;&lt;&#x27;</code></pre>" in page
    assert "<script src" not in page
    assert "<link" not in page
    assert page.count("* plotly.js v") == 1


def test_a_report_says_what_was_measured_and_has_the_numbers_of_the_run(about: Told, run: StoredRun) -> None:
    text = document.markdown(report.report(about))
    measured = run.measured
    for said in (measured.dataset_hash, "a test machine", "the first 9 of each", measured.contestants[0].revision, measured.name):
        assert said in text
    share = figures.accuracy(run.results)[LEFT]["all"]
    assert f"{100 * share.value:.0f} % ({100 * share.low:.0f} to {100 * share.high:.0f}) of {share.n}" in text
    assert "It says nothing about Phi-2 or SQLCoder".lower() in text.lower()


def test_examples_of_disagreement_are_the_first_by_id_of_each_level(about: Told) -> None:
    shown = [block.text for block in report.disagreements(about) if isinstance(block, Text) and block.text.startswith(("shop", "clinic"))]
    ids = [text.split(" ", 1)[0] for text in shown]
    assert ids
    assert len(ids) == len(set(ids))
    wrong = {r.example.id for r in about.results if r.level and r.score.value == 0.0}
    assert set(ids) <= wrong
    counted = [block.text for block in report.disagreements(about) if isinstance(block, Text) and block.text.startswith("**")]
    pair = figures.paired(about.results, LEFT, RIGHT)["all"]
    assert [f": {n} of {pair.n} questions." in text for n, text in zip((pair.only_a, pair.only_b, pair.neither), counted, strict=True)] == [
        True
    ] * 3


def test_the_numbers_as_json_are_plain_and_complete(about: Told) -> None:
    found = json.loads(json.dumps(report.as_json(about), allow_nan=False))
    assert set(found["models"]) == set(about.titles)
    assert [(pair["a"], pair["b"]) for pair in found["pairs"]] == [(LEFT, RIGHT), (LEFT, BASELINE), (RIGHT, BASELINE)]
    assert found["run"]["dataset_hash"] == about.run.measured.dataset_hash


def test_passes_stand_in_the_report_where_they_were_made(about: Told) -> None:
    assert report.further_passes(about) == ()
    made = report.further_passes(replace(about, passes=found_by_passes(LEFT)))
    assert [block.text for block in made if isinstance(block, Text) and block.text.startswith("**")] == [
        "**Right, or matched by luck? (`--variants`)**",
        "**The same questions in other guises (`--robustness`)**",
        "**How fast right answers run (`--efficiency`)**",
    ]
    assert [block.title for block in made if isinstance(block, Picture)] == ["Drop in accuracy in other guises"]
    assert any(isinstance(block, Points) and block.items[0].startswith("`shop-1`: ") for block in made)
    assert "Drop" not in document.markdown(report.report(about))


def test_a_study_fills_every_heading_and_concludes_nothing_from_minis(about: Told) -> None:
    written = study.study(about)
    titles = (
        "Abstract; Existing comparisons, and why their figures do not compare; Corrections of common claims; "
        "Metrics, and reasons for them; Set-up; Results by level; Results by feature; Outcomes, form, effort; "
        "Robustness, luck and efficiency; Strengths and weaknesses, with examples; Discussion; Threats to validity; "
        "Open challenges; Conclusion; BibTeX"
    )
    assert [section.title for section in written.sections] == titles.split("; ")
    assert all(section.blocks for section in written.sections)
    (conclusion,) = next(section for section in written.sections if section.title == "Conclusion").blocks
    assert conclusion == Text(study.NEEDS_REAL)


def test_a_study_of_real_models_concludes_by_the_paired_interval(about: Told) -> None:
    contestants = tuple(replace(each, kind="real") if each.kind == "mini" else each for each in about.run.measured.contestants)
    real = replace(about, run=replace(about.run, measured=replace(about.run.measured, contestants=contestants)))
    (conclusion, *_) = next(section for section in study.study(real).sections if section.title == "Conclusion").blocks
    assert isinstance(conclusion, Text)
    pair = figures.paired(about.results, LEFT, RIGHT)["all"]
    settled = pair.difference.low > 0 or pair.difference.high < 0
    assert ("has more questions right than" if settled else "are not told apart") in conclusion.text
    assert f"n={pair.n}" in conclusion.text


def test_real_models_and_minis_are_never_in_one_report(run: StoredRun) -> None:
    first, *others = run.measured.contestants
    mixed = replace(run, measured=replace(run.measured, contestants=(replace(first, kind="real"), *others)))
    with pytest.raises(BadInput, match="mixes real models and minis"):
        report.told(mixed, "spider", {}, {})


def test_a_run_without_an_answer_is_no_report(run: StoredRun) -> None:
    with pytest.raises(BadInput, match="no answer yet"):
        report.told(replace(run, results=()), "spider", {}, {})


def test_an_ended_run_says_so(about: Told) -> None:
    ended = replace(about, run=replace(about.run, results=about.run.results[:5]), results=about.results[:5])
    assert "ended early" in report.report(ended).lead


def test_the_commands_write_a_page_and_compare(
    run: StoredRun, tmp_path: Path, arena_settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run.path
    monkeypatch.setenv("ARENA_DATA", str(arena_settings.data))
    later = tmp_path / "later.jsonl"
    text = run.path.read_text(encoding="utf-8").replace(run.measured.name, "later-run", 1)
    later.write_text(text, encoding="utf-8")
    page = tmp_path / "report.html"
    cli.main(["bench", "report", str(run.path), "--study", "--out", str(page)])
    assert page.read_text(encoding="utf-8").count("<h2>") == 15
    cli.main(["bench", "compare", str(run.path), str(later), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["after"] == "later-run"
    assert [(each["after"], each["gains"], each["losses"]) for each in found["models"]] == [
        (name, [], []) for name in (LEFT, RIGHT, BASELINE)
    ]
    with pytest.raises(SystemExit, match=r"neither \.html nor \.md"):
        cli.main(["bench", "report", str(run.path), "--out", str(tmp_path / "report.pdf")])
