"""What the Benchmark tab makes of a run: filters, pages, words, and which runs it opens. No browser, no server."""

from dataclasses import replace
from html import unescape
from types import SimpleNamespace

import gradio as gr
import pytest

from nl2sql_arena.arena import Ask
from nl2sql_arena.benchmark import changes, charts, runs
from nl2sql_arena.benchmark.metrics import leveled
from nl2sql_arena.benchmark.runner import dataset_hash
from nl2sql_arena.benchmark.scorers import REASONS
from nl2sql_arena.errors import BadInput
from nl2sql_arena.services import Profile
from nl2sql_arena.types import Battle, Score
from nl2sql_arena.ui.benchmark import html
from nl2sql_arena.ui.benchmark.controls import Controls
from nl2sql_arena.ui.benchmark.part import Common
from nl2sql_arena.ui.benchmark.questions import PAGE, Wanted, grouped, levels_in, matching, page_of, standing
from nl2sql_arena.ui.benchmark.shelf import Shelf
from nl2sql_arena.ui.benchmark.state import Bench, Plan
from nl2sql_arena.ui.benchmark.tab import BenchmarkTab
from nl2sql_arena.ui.sessions import Session, Sessions
from nl2sql_arena.zero_gpu import NAME as ZERO_GPU
from tests.use_cases.judged import CTE, EASY, HARD, found_by_passes, result, stored

HOSTILE = "<script>alert(1)</script>&\"'"


def pair(number, a, b, **more):
    """Both models' results on one question."""
    return [result("a", number, a, **more), result("b", number, b, **more)]


def run_of(*pairs, **more):
    return stored(*(each for both in zip(*pairs, strict=True) for each in both), **more)


RUN = run_of(
    pair(1, True, False), pair(2, False, True, gold=HARD), pair(3, True, True, db="bank"), pair(4, False, False, gold=CTE),
    pair(5, None, True), pair(6, True, False, gold="", outcome="abstained"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (Wanted(), [1, 2, 3, 4, 5, 6]),
        (Wanted("only_a"), [1, 6]),
        (Wanted("only_b"), [2]),
        (Wanted("both"), [3]),
        (Wanted("neither"), [4]),
        (Wanted("unscored"), [5]),
        (Wanted("only_a", "unanswerable"), [6]),
        (Wanted(level="hard"), [2]),
        (Wanted(db="bank"), [3]),
        (Wanted(feature="cte"), [4]),
        (Wanted(text="  question 4 "), [4]),
        (Wanted(text="CUSTOMER_ID"), [2]),
        (Wanted(text="shop-5"), [5]),
        (Wanted(text="no such thing"), []),
    ],
)
def test_a_filter_keeps_what_it_names(wanted, numbers):
    found = matching(grouped(RUN.results, "spider"), wanted, "a", "b")
    assert sorted(int(each.example.id.split("-")[1]) for each in found) == numbers


def test_levels_are_those_of_the_axis():
    assert levels_in(grouped(RUN.results, "spider")) == ["easy", "hard", "unanswerable"]
    cte = next(each for each in grouped(RUN.results, "duckdb") if each.key == "shop/shop-4")
    assert cte.level == "hard"


def test_the_standing_waits_for_both_and_needs_no_second():
    both, alone = grouped(pair(1, True, False), "spider")[0], grouped([result("a", 1, True)], "spider")[0]
    assert standing(both, "a", "b") == "only_a"
    assert standing(alone, "a", "b") == ""
    assert standing(alone, "a", "") == "both"


@pytest.mark.parametrize(("page", "at", "count"), [(-3, 0, PAGE), (0, 0, PAGE), (1, 1, 5), (9, 1, 5)])
def test_a_page_outside_is_the_nearest(page, at, count):
    every = grouped([result("a", number, True) for number in range(PAGE + 5)], "spider")
    shown, number, pages = page_of(every, page)
    assert (number, pages, len(shown)) == (at, 2, count)
    assert page_of([], 3) == ([], 0, 1)


def test_a_run_opens_on_the_pages_own_pair_where_it_has_it():
    bench = Bench()
    bench.show(run_of([result(name, 1, True) for name in "abc"]), ("c", "b"))
    assert (bench.view.a, bench.view.b) == ("c", "b")
    bench = Bench()
    bench.show(run_of([result(name, 1, True) for name in "abc"]), ("c", "z"))
    assert (bench.view.a, bench.view.b) == ("c", "a")


def test_another_run_keeps_the_pair_that_it_has_and_forgets_filters():
    bench = Bench()
    bench.show(RUN)
    bench.view = replace(bench.view, a="b", b="a", axis="duckdb", wanted=Wanted("both"), page=3)
    bench.show(stored(result("b", 1, True), result("c", 1, True)))
    assert (bench.view.a, bench.view.b, bench.view.axis) == ("b", "c", "duckdb")
    assert (bench.view.wanted, bench.view.page) == (Wanted(), 0)
    bench.show(stored(result("c", 1, True)))
    assert (bench.view.a, bench.view.b) == ("c", "")
    bench.show(None)
    assert (bench.run, bench.view.a) == (None, "")


def test_only_an_open_blind_battle_keeps_its_question_back():
    example = RUN.results[0].example
    session = Session("me")
    assert not session.is_undecided(example)
    session.round.ask = Ask(example.question, example.db, ("a", "b"), True, "me")
    assert session.is_undecided(example)
    assert not session.is_undecided(replace(example, db="bank"))
    session.round.battle = Battle("1", example.question, example.db, "", "dev", True, "mini", RUN.results[0].answer, RUN.results[1].answer)
    assert session.is_undecided(example)
    session.round.end = "vote"
    assert not session.is_undecided(example)
    session.begin().ask = Ask(example.question, example.db, ("a", "b"), False, "me")
    assert not session.is_undecided(example)


def test_a_closed_page_ends_its_run():
    session = Session("me")
    session.bench.begin(Plan(("a",), [], "all", "dev", ""))
    assert session.bench.at_work
    session.close()
    assert not session.bench.at_work


def test_the_head_names_the_run_and_says_what_it_is():
    said = html.head(RUN, live=False)
    for words in (
        "Stored run of 28 November 2026, 03:35 UTC",
        "data 0123456789ab",
        "prompt mini",
        "fp32 on cpu",
        "CPU (2 cores)",
        "Practice models",
    ):
        assert words in said
    assert "Live run, begun" in html.head(RUN, live=True)
    half = replace(RUN, results=RUN.results[:5])
    assert "Unfinished run (5 of 12 answers)" in html.head(half, live=False)
    assert "Practice models" not in html.head(run_of(pair(1, True, True), kinds={"a": "real", "b": "baseline"}), live=False)


def test_contestants_have_both_intervals_and_their_abstentions():
    said = html.contestants(replace(RUN, results=tuple(leveled(RUN.results, "spider"))), is_ours=True)
    assert "50.0%<small>n=4</small>" in said  # a: two right of four scored
    assert "1 of 1 rightly" in said
    assert "none: too few" in html.contestants(run_of(pair(1, True, True)), is_ours=True)
    assert "5 schemas" not in said
    assert "2 schemas" in said
    assert "for development" in said
    assert "for development" not in html.contestants(RUN, is_ours=False)


def test_every_reason_has_its_words_in_the_list():
    for reason, words in REASONS.items():
        each = replace(result("a", 1, None), score=Score(None, reason))
        assert words.removeprefix("unscored: ") in unescape(html.verdict(replace(each, level="easy"), "A"))
    assert "abstained, as is right here" in html.verdict(result("a", 1, True, gold="", outcome="abstained"), "A")


def test_no_text_of_a_run_is_html():
    odd = result("a", 1, False, gold=EASY, sql=HOSTILE)
    odd = replace(odd, example=replace(odd.example, question=HOSTILE, id=HOSTILE, db=HOSTILE, category=HOSTILE))
    answer = replace(odd.answer, completion=replace(odd.answer.completion, text=HOSTILE), precision=HOSTILE)
    odd = replace(odd, answer=answer, score=Score(0.0, "rows", HOSTILE))
    run = stored(odd)
    told = replace(run.measured.contestants[0], title=HOSTILE, prompt=HOSTILE, precision=HOSTILE, revision=HOSTILE)
    run = replace(
        run, measured=replace(run.measured, contestants=(told,), databases=(HOSTILE,), hardware=HOSTILE, chosen=HOSTILE, name=HOSTILE)
    )
    (question,) = grouped(run.results, "spider")
    other = replace(run, measured=replace(run.measured, name="other"), results=(replace(odd, score=Score(1.0, "match")),))
    shown = [
        html.head(run, live=False), html.contestants(run, is_ours=True), html.listing([question], run.measured.titles, {"a": "A"}),
        html.question_head(question),
        html.side_head("A", HOSTILE, odd), html.side_facts(odd), html.numbers([{HOSTILE: HOSTILE}], HOSTILE, HOSTILE),
        html.bar(1, 2, 3, "Running", 4, HOSTILE), html.changes(changes.between(other, run), other.measured, run.measured),
    ]  # fmt: skip
    for text in shown:
        assert "<script" not in text
        assert "&lt;script&gt;" in text


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "about 1 s"), (89, "about 89 s"), (200, "about 3 min"), (5399, "about 90 min"), (9000, "about 2.5 h")]
)
def test_a_time_is_said_in_its_own_unit(seconds, words):
    assert html.duration(seconds) == words


def test_changes_are_named_by_question():
    before = replace(RUN, measured=replace(RUN.measured, name="before"))
    flipped = [
        replace(each, score=Score(1.0 - each.score.value, "match")) if each.score.value is not None else each for each in RUN.results
    ]
    after = replace(
        RUN,
        measured=replace(
            RUN.measured, name="after", contestants=(replace(RUN.measured.contestants[0], revision="new"), RUN.measured.contestants[1])
        ),
        results=tuple(flipped),
    )
    said = html.changes(changes.between(before, after), before.measured, after.measured)
    first, second = said.split("<article>")[1:]
    assert "revision revision-of-a before, new now" in first
    assert "Regressions: right before, wrong now: 3" in first
    assert "Gains: wrong before, right now: 2" in first
    assert "Regressions: right before, wrong now: 3" in second
    assert first.count('data-key="shop/shop-2"') == 1


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """An empty folder of runs; nothing ships."""
    monkeypatch.setattr(runs, "SHIPPED", tmp_path / "shipped")
    return Shelf(SimpleNamespace(settings=SimpleNamespace(data=tmp_path)))


def put(shelf, run, name, at="2026-11-28T03:35:41+00:00", **more):
    about = replace(run.measured, name=name, at=at, **more)
    return list(runs.kept(shelf.folders[0], about, run.results))


def test_the_shelf_opens_the_latest_whole_run_and_marks_the_others(shelf):
    assert shelf.latest() is None
    assert shelf.choices() == []
    put(shelf, RUN, "old", "2026-11-01T00:00:00+00:00")
    put(shelf, RUN, "new", "2026-11-02T00:00:00+00:00", chosen="a sample of some")
    put(shelf, replace(RUN, results=RUN.results[:3]), "half", "2026-11-03T00:00:00+00:00")
    assert shelf.latest().measured.name == "new"
    labels = {name: text for text, name in shelf.choices()}
    assert list(labels) == ["half", "new", "old"]
    assert labels["half"].endswith(", unfinished")
    assert labels["new"] == "2 November 2026, 00:00 UTC: quick sample, 6 dev questions, Title of a, Title of b"
    assert dict(map(reversed, shelf.choices(at_work="half")))["half"].endswith(", at work")
    assert [name for _, name in shelf.comparable(shelf.get("old").measured)] == ["half", "new"]


def test_what_ships_is_opened_only_where_there_is_no_run_of_ones_own(shelf):
    list(runs.kept(shelf.folders[1], replace(RUN.measured, name="shipped", at="2026-12-01T00:00:00+00:00"), RUN.results))
    assert shelf.latest().measured.name == "shipped"
    put(shelf, replace(RUN, results=RUN.results[:3]), "half")
    assert shelf.latest().measured.name == "shipped"
    put(shelf, RUN, "own")
    assert shelf.latest().measured.name == "own"


def test_an_unfinished_run_is_offered_until_it_has_been_finished(shelf):
    put(shelf, replace(RUN, results=RUN.results[:3]), "half", "2026-11-02T00:00:00+00:00")
    put(shelf, RUN, "of other questions", "2026-11-03T00:00:00+00:00", dataset_hash="other")
    assert {name for _, name in shelf.choices()} == {"half", "of other questions"}
    put(shelf, RUN, "whole", "2026-11-04T00:00:00+00:00")
    assert {name for _, name in shelf.choices()} == {"whole", "of other questions"}


def test_a_run_that_grows_is_read_again(shelf):
    put(shelf, replace(RUN, results=RUN.results[:3]), "run")
    assert not shelf.get("run").complete
    (shelf.folders[0] / "run.jsonl").unlink()
    put(shelf, RUN, "run")
    assert shelf.get("run").complete


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "secret.jsonl", "none"])
def test_the_shelf_opens_no_path(shelf, tmp_path, name):
    put(shelf, RUN, "own")
    (tmp_path / "secret.jsonl").write_bytes((shelf.folders[0] / "own.jsonl").read_bytes())
    with pytest.raises(BadInput, match="choose another"):
        shelf.get(name)


@pytest.fixture
def controls(shelf):
    """The controls of a page with its components, behind models that are never loaded; `hardware` may be changed."""

    def build(hardware="CPU"):
        examples = [each.example for each in RUN.results[:6]]
        cards = {name: SimpleNamespace(name=name, title=f"Title of {name}", kind="mini") for name in ("b", "a")}
        settings = SimpleNamespace(data=shelf.folders[0].parent)
        services = SimpleNamespace(
            cards=cards, databases={"shop": None, "bank": None}, revision=lambda name: "1", settings=settings,
            examples=lambda db, split: tuple(each for each in examples if (each.db, each.split) == (db, split)),
        )  # fmt: skip
        profile = Profile("mini", ("a", "b"), ("b", "a"), hardware)
        with gr.Blocks():
            made = Controls(Common(services, profile, Sessions(), shelf))
            made.wire([], lambda _session: {}, lambda _session: {})
        return made

    return build


@pytest.fixture
def tab(shelf, controls):
    """The whole tab behind the same models, open on RUN, which lies in this arena's own folder."""
    put(shelf, RUN, "own")
    common = controls().common
    sample_dbs = shelf.folders[0].parent / "sample_dbs"
    for db in common.services.databases:
        (sample_dbs / db).mkdir(parents=True)
    common.services.settings.sample_dbs = sample_dbs
    with gr.Blocks(), gr.Tab() as outside:
        made = BenchmarkTab(common.services, common.profile, common.sessions, outside)
    made.on_select(*CHOICE, VISIT)
    return made


def battle_open_on(tab, number):
    """The page has a blind battle whose question is that of so numbered results."""
    example = next(each.example for each in RUN.results if each.example.id.endswith(f"-{number}"))
    session = tab.common.session(VISIT)
    session.begin().ask = Ask(example.question, example.db, ("a", "b"), True, "me")
    return session


def all_that_leaves(tab):
    """Head, table, both charts with their numbers, list, both CSV files, the run as JSONL, and what changed since the same run."""
    sent = dict(tab.on_select(*CHOICE, VISIT))
    for chart in charts.CHARTS:
        sent |= {(chart, part): said for part, said in tab.pictures.on_chart(chart, VISIT).items()}
    files = [tab.pictures._csv_of("accuracy")(VISIT), tab.pictures._csv_of("")(VISIT), tab.on_jsonl(VISIT)]
    return sent, files


def test_an_open_blind_battle_takes_its_question_out_of_every_figure_and_file(tab):
    whole, (shares, paired, lines) = all_that_leaves(tab)
    assert lines["text"] == (tab.common.shelf.folders[0] / "own.jsonl").read_text()
    assert "50.0%<small>n=4</small>" in whole[tab.contestants]
    assert "a,all,4,0.5," in shares["text"]
    session = battle_open_on(tab, 1)  # a has it right, b wrong
    left, (shares, paired, lines) = all_that_leaves(tab)
    assert lines["name"] == "own-without-your-open-question.jsonl"
    assert lines["text"].count("\n") == 1 + 2 * 5
    assert "Question 1?" not in lines["text"]
    assert "33.3%<small>n=3</small>" in left[tab.contestants]
    assert "a,all,3,0.3333" in shares["text"]
    assert "a,b,all,3,1,0,1,1," in paired["text"], "the question that a alone had right is not counted"
    for chart in charts.CHARTS:
        figure, said = (left[chart, part] for part in (tab.pictures.second.plot, tab.pictures.second.head))
        assert figure != whole[chart, tab.pictures.second.plot]
        assert "without the question of your open battle" in said
    session.round.end = "vote"
    again, (_, _, lines) = all_that_leaves(tab)
    assert "n=4" in again[tab.contestants]
    assert lines["name"] == "own.jsonl"


def test_what_further_passes_found_is_shown_with_its_questions_and_waits_for_an_open_vote(tab):
    further, path = tab.further, tab.common.shelf.folders[0] / "own.jsonl"
    assert not tab.on_select(*CHOICE, VISIT)[further.box]["visible"], "no pass was made"
    runs.keep_passes(path, found_by_passes("a"))
    sent = tab.on_select(*CHOICE, VISIT)
    assert sent[further.box]["visible"]
    assert "25\u00a0% (10\u00a0to\u00a090) of 4" in sent[further.variants]
    assert "12 repeats" in sent[further.efficiency]
    assert "a typo for every eight words" in sent[further.robustness]
    assert "<table" not in sent[further.robustness], "its rows are the chart's numbers"
    assert "0.25" in sent[further.chart.numbers]
    assert 'data-key="shop/shop-1"' in sent[further.luck]
    assert "Title of a: seed 1: the same table, seed 2: other rows" in sent[further.luck]
    assert charts.caption(sent[further.chart.plot]).title == "Drop in accuracy in other guises"
    assert "typos,a,4," in further.on_csv(VISIT)["text"]
    battle_open_on(tab, 1)
    sent = tab.on_select(*CHOICE, VISIT)
    assert "your open battle" in sent[further.said]
    assert [sent[part] for part in (*further.tables.values(), further.luck)] == [""] * 4
    assert not sent[further.drops]["visible"]
    with pytest.raises(gr.Error):
        further.on_csv(VISIT)


def test_passes_that_cannot_be_read_are_said_to_be_so_and_the_run_is_shown(tab):
    kept = tab.common.shelf.folders[0] / "own.passes.json"
    for text in ("{", '{"variants": {}}', "[]"):
        kept.write_text(text)
        sent = tab.on_select(*CHOICE, VISIT)
        assert "run" in sent[tab.further.said]
        assert "n=4" in sent[tab.contestants]


def test_a_fresh_clone_opens_on_the_run_that_ships_dated_and_stored(tab, shelf):
    (shelf.folders[0] / "own.jsonl").unlink()
    shelf.folders[0].rmdir()  # no data folder
    list(runs.kept(shelf.folders[1], replace(RUN.measured, name="shipped", at="2026-12-24T18:00:00+00:00"), RUN.results))
    tab.common.session(VISIT).bench.show(None)
    sent = tab.on_select(*CHOICE, VISIT)
    assert "Stored run of 24 December 2026, 18:00 UTC" in sent[tab.head]
    assert [name for _, name in sent[tab.controls.pick]["choices"]] == [sent[tab.controls.pick]["value"]] == ["shipped"]
    for parts in (tab.pictures.first, tab.pictures.second):
        assert "Stored run of 2026-12-24: practice models, 6 dev questions" in sent[parts.head]
    assert sent[tab.body]["visible"]
    assert not sent[tab.controls.resume]["visible"]
    assert tab.on_jsonl(VISIT)["name"] == "shipped.jsonl"


def test_what_changed_leaves_out_the_question_of_an_open_battle_too(tab, shelf):
    flipped = tuple(replace(each, score=Score(0.0, "rows")) for each in RUN.results)
    put(shelf, replace(RUN, results=flipped), "before", "2026-11-01T00:00:00+00:00")
    assert "Right only now: 2" in tab.since.on_other("before", VISIT)
    battle_open_on(tab, 1)
    told = tab.since.on_other("before", VISIT)
    assert "Right only now: 1" in told
    assert "Question 1?" not in told


CHOICE = (["b", "a"], ["shop", "bank"], "dev")
VISIT = SimpleNamespace(session_hash="me")


def test_a_full_run_tells_its_size_before_it_starts(controls):
    made = controls()
    asked = made.on_full(*CHOICE)
    assert "All 6 dev questions to 2 contestants are 12 answers; how long that takes here is not known yet." in asked[made.confirmation]
    assert asked[made.start]["visible"]
    assert not made.common.session(VISIT).bench.at_work
    made.on_start(*CHOICE, VISIT)
    plan = made.common.session(VISIT).bench.plan
    assert (plan.models, len(plan.examples), plan.dataset) == (("a", "b"), 6, "all")


def test_a_question_that_waits_outlives_a_redraw_and_is_gone_once_the_run_begins(controls):
    made = controls()
    bench = made.common.session(VISIT).bench
    assert made.confirm not in made.offer(bench), "the tab may be drawn after its button was pressed"
    assert not made.on_start(*CHOICE, VISIT)[made.confirm]["visible"]


def test_before_the_first_run_the_time_is_told_from_the_run_that_ships_and_by_its_hardware(controls, shelf):
    made = controls()
    assert "is not known yet" in made.estimated(*CHOICE)
    now = {"contestants": tuple(replace(each, revision="1") for each in RUN.measured.contestants)}
    list(runs.kept(shelf.folders[1], replace(RUN.measured, name="shipped", hardware="another machine", **now), RUN.results))
    assert "where the stored run was made (another machine), not known yet here" in made.estimated(*CHOICE)
    put(shelf, RUN, "own", hardware="CPU", **now)
    assert "by earlier runs here" in made.estimated(*CHOICE)


def test_on_zero_gpu_a_full_run_is_pointed_to_the_command_line_and_a_sample_is_not(controls):
    made = controls(ZERO_GPU)
    asked = made.on_full(*CHOICE)
    assert "python -m nl2sql_arena bench run --models a,b --split dev" in asked[made.confirmation]
    assert not asked[made.start]["visible"]
    assert "bench run on a machine of your own" in made.on_start(*CHOICE, VISIT)[made.progress]
    assert not made.common.session(VISIT).bench.at_work
    assert "Waiting for a place" in made.on_quick(*CHOICE, VISIT)[made.progress]
    assert len(made.common.session(VISIT).bench.plan.examples) == 5, "an unanswerable question is in no sample"


def test_a_run_that_waits_is_cancelled_at_once(controls):
    made = controls()
    made.on_quick(*CHOICE, VISIT)
    told = made.on_cancel(VISIT)
    assert "Cancelled before it began." in told[made.progress]
    assert told[made.quick]["visible"]
    assert list(made.on_run(VISIT)) == []
    assert not made.common.session(VISIT).bench.at_work


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        (([], ["shop"], "dev"), "Choose at least one contestant"),
        ((["a"], [], "dev"), "Choose at least one contestant"),
        ((["other"], ["shop"], "dev"), "Choose at least one contestant"),
        ((["a"], ["shop"], "secret"), "There are no &#x27;secret&#x27; questions"),
        ((["a"], ["shop"], "test"), "These databases have no test questions"),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_sentence(controls, choice, sentence):
    made = controls()
    assert sentence in made.on_quick(*choice, VISIT)[made.progress]
    assert sentence in made.estimated(*choice)
    assert not made.common.session(VISIT).bench.at_work


def test_nothing_is_resumed_but_an_unfinished_run_of_these_models(controls):
    made = controls()
    bench = made.common.session(VISIT).bench
    for run in (None, RUN, replace(RUN, results=RUN.results[:3])):  # the last is of other questions than there are now
        bench.run = run
        assert "nothing to resume" in made.on_resume(*CHOICE, VISIT)[made.progress]
    examples = [each for db in ("shop", "bank") for each in made.common.services.examples(db, "dev")]
    about = replace(RUN.measured, dataset_hash=dataset_hash(examples), databases=("shop", "bank"))
    bench.run = replace(RUN, measured=about, results=RUN.results[:3])
    made.on_resume(*CHOICE, VISIT)
    assert bench.plan.examples == examples
    assert bench.plan.before == 0, "of other weights nothing was written before"
