"""What the Votes tab says of a store of simulated votes, asked without a browser."""

import base64
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from nl2sql_arena import settings
from nl2sql_arena.arena import Ask
from nl2sql_arena.benchmark import runs
from nl2sql_arena.services import Profile, Services, open_services
from nl2sql_arena.types import Battle, Example
from nl2sql_arena.ui.sessions import Round, Sessions
from nl2sql_arena.ui.votes.tab import ALL, UNFLAGGED, VotesTab
from nl2sql_arena.votes import Store
from tests.scripted_model import write_scripted
from tests.simulated_votes import Said, answer, fill, kept_run
from tests.ui.script import SAMPLE_DBS

OWL, ELK, YAK = ("owl", "r1"), ("elk", "r2"), ("yak", "r3")
FOX, CUB = ("fox", "m1"), ("cub", "m2")
RULES = ("floor", "b1")
KINDS = {"owl": "real", "elk": "real", "yak": "real", "fox": "mini", "cub": "mini", "floor": "baseline"}
WRONG = "SELECT 1 AS one"
HOSTILE = "<script>alert(1)</script>"


class Request:
    session_hash = "a page"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    home = tmp_path_factory.mktemp("votes-tab")
    for name, kind in KINDS.items():
        write_scripted(home / "models", name, {}, title=f"The {name.capitalize()}", kind=kind)
    (home / "sample_dbs").mkdir()
    (home / "sample_dbs" / "shop").symlink_to(SAMPLE_DBS / "shop")
    services = open_services(
        replace(settings.load({}), data=home / "data", models=home / "models", sample_dbs=home / "sample_dbs", workers=1)
    )
    yield services
    services.close()


@pytest.fixture
def examples(base: Services) -> Sequence[Example]:
    return [each for each in base.examples("shop", "arena") if each.gold_sql]


@pytest.fixture
def opened(base: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that opens the tab on a store of votes."""
    monkeypatch.setattr(runs, "SHIPPED", tmp_path / "shipped")
    numbers = count()

    def open_(votes: Sequence[Said] = ()) -> VotesTab:
        store: Store = fill(tmp_path / f"votes-{next(numbers)}.sqlite", votes)
        services = replace(base, store=store, settings=replace(base.settings, data=tmp_path))
        with gr.Blocks(), gr.Tab("Votes") as tab:
            return VotesTab(services, Profile("real", ("owl", "elk"), ("owl", "elk"), "here"), Sessions(), tab)

    return open_


def said(example: Example, winner: str, a: tuple[str, str] = OWL, b: tuple[str, str] = ELK, **changes: Any) -> Said:
    sides = (*a, WRONG), (*b, example.gold_sql[0] if example.gold_sql else WRONG)
    return Said(*sides, winner, changes.pop("voter", "ann"), example, **changes)  # type: ignore[arg-type]


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def judged(tab: VotesTab, key: str | None = None, flags: str = ALL) -> dict[Any, Any]:
    """Everything that the slow handler has sent at its end."""
    found: dict[Any, Any] = {}
    for update in tab.on_judged(key, flags, Request()):  # type: ignore[arg-type]
        found |= update
    return found


def test_a_store_without_votes_says_what_to_do_and_shows_no_figure(opened: Any) -> None:
    tab = opened()
    shown = tab.on_show(None, ALL, "level")
    assert "Ask a question on the Arena tab" in text(shown[tab.board])
    assert "%" not in shown[tab.board]
    assert shown[tab.body]["visible"] is False
    assert judged(tab)[tab.agreement] == ""


def test_text_of_models_is_never_html(opened: Any, base: Services, examples: Sequence[Example], monkeypatch: pytest.MonkeyPatch) -> None:
    example = examples[0]
    for name in ("owl", "elk", "yak"):
        monkeypatch.setitem(base.cards, name, replace(base.cards[name], title=f"{HOSTILE} {name}"))  # type: ignore[arg-type]
    hostile = ("owl", HOSTILE)
    tab = opened([
        *(said(example, "model_a", hostile, voter=f"v{i}", chosen="random") for i in range(3)),
        said(example, "model_b", hostile, YAK),
        said(example, "model_a", ELK, YAK),
    ])  # fmt: skip
    shown = [*tab.on_show(None, ALL, "level").values(), *judged(tab).values()]
    pages = [page for page in shown if isinstance(page, str)]
    assert any("&lt;script" in page for page in pages)
    assert not any("<script" in page for page in pages)


def test_kinds_of_contestants_and_open_votes_are_groups_of_their_own(opened: Any, examples: Sequence[Example]) -> None:
    example = examples[0]
    tab = opened([
        *(said(example, "model_a", voter=f"v{i}") for i in range(3)),
        *(said(example, "model_b", FOX, CUB, profile="mini") for _ in range(2)),
        said(example, "model_a", OWL, RULES),
        said(example, "model_a", blind=False),
    ])  # fmt: skip
    shown = tab.on_show(None, ALL, "level")
    assert [label for label, _ in shown[tab.group]["choices"]] == [
        "Real models, blind (3 votes)",
        "Real models, names in sight (1 vote)",
        "Real models against the baseline, blind (1 vote)",
        "Practice models (minis), blind (2 votes)",
    ]
    assert "100% of 3 decisive votes prefer The Owl" in text(shown[tab.board])
    assert "Fox" not in shown[tab.board]
    practice = text(tab.on_show("mini/blind", ALL, "level")[tab.board])
    assert "100% of 2 decisive votes prefer The Cub" in practice
    assert "say nothing about Phi-2" in practice
    assert "Owl" not in practice


def test_two_revisions_of_a_name_are_two_contestants(opened: Any, examples: Sequence[Example]) -> None:
    tab = opened([said(examples[0], "model_a"), said(examples[0], "model_b", a=("owl", "later"))])
    board = tab.on_show(None, ALL, "level")[tab.board]
    assert board.count('class="duel"') == 2
    assert "100% of 1 decisive vote prefer The Owl (r1)" in text(board)
    assert "100% of 1 decisive vote prefer The Elk" in text(board)
    assert "The Owl (later)" in text(board)


def test_flagged_votes_are_counted_or_left_out_and_said(opened: Any, examples: Sequence[Example]) -> None:
    tab = opened([said(examples[0], "model_a", voter="quick", seconds=0.5), said(examples[0], "model_b", voter="slow")])
    everything = text(tab.on_show(None, ALL, "level")[tab.board])
    assert "50% of 2 decisive votes for each side" in everything
    assert "flagged votes are counted, too (1 too fast" in everything
    kept = text(tab.on_show(None, UNFLAGGED, "level")[tab.board])
    assert "100% of 1 decisive vote prefer The Elk" in kept
    assert "flagged votes are left out (1 too fast)" in kept
    for shown in (everything, kept):
        assert "With flagged votes 50%" in shown
        assert "Without flagged votes 100%" in shown


def test_votes_on_equal_tables_stand_apart(opened: Any, examples: Sequence[Example]) -> None:
    tab = opened([said(examples[0], "model_a"), *(said(examples[1], "model_b", difference="same") for _ in range(4))])
    board = text(tab.on_show(None, ALL, "level")[tab.board])
    assert "100% of 1 decisive vote prefer The Owl" in board
    assert "Which query reads better" in board
    assert re.search(r"The Elk against The Owl 100% \(0% to 100%\) 4 : 0 0 0 4 1", board)


@pytest.mark.parametrize(("voters", "chip"), [(1, "Not settled"), (12, "Settled")])
def test_settled_takes_voters_and_not_only_votes(opened: Any, examples: Sequence[Example], voters: int, chip: str) -> None:
    tab = opened(
        [said(examples[i], ("model_a", "model_b")[i % 2], *((OWL, ELK), (ELK, OWL))[i % 2], voter=f"v{i % voters}") for i in range(12)]
    )
    board = tab.on_show(None, ALL, "level")[tab.board]
    assert re.findall(r'class="chip \w+">([^<]+)<', board) == [chip]
    assert ("more voters are needed" in board) == (voters == 1)


def test_three_models_stand_on_one_scale_and_two_do_not(opened: Any, examples: Sequence[Example]) -> None:
    two = [said(examples[0], "model_a", voter=f"v{i}") for i in range(2)]
    tab = opened(two)
    assert "one scale" not in tab.on_show(None, ALL, "level")[tab.board]
    tab = opened([*two, said(examples[0], "model_a", ELK, YAK, voter="v3")])
    scale = text(tab.on_show(None, ALL, "level")[tab.board]).partition("one scale")[2]
    assert re.findall(r"The (\w+)", scale)[:3] == ["Owl", "Elk", "Yak"]
    assert "3 votes by 3 voters" in scale


def test_figures_break_down_by_difficulty_category_and_database(opened: Any, examples: Sequence[Example]) -> None:
    tab = opened([*(said(each, "model_a") for each in examples[:6]), said(examples[0], "tie", typed="Something of my own?")])
    by_level = text(tab.on_field(None, ALL, "level"))
    assert "unknown" in by_level
    assert "typed questions" in by_level
    assert text(tab.on_field(None, ALL, "db")).rstrip().endswith("shop The Owl against The Elk 100% (0% to 100%) 6 : 0 1 0 7 1")
    assert examples[0].category in text(tab.on_field(None, ALL, "category"))


def test_the_gallery_shows_a_wrong_answer_that_won_but_never_the_open_battle_s_question(opened: Any, examples: Sequence[Example]) -> None:
    tab = opened([said(examples[0], "model_a"), said(examples[1], "model_a"), said(examples[2], "model_b")])
    shown = text(judged(tab)[tab.gallery])
    assert [each.question in shown for each in examples[:3]] == [True, True, False]
    assert "Preferred, wrong: The Owl" in shown
    tab.sessions.of("a page").round.ask = Ask(examples[0].question, "shop", ("owl", "elk"), blind=True, voter="ann", example=examples[0])
    shown = text(judged(tab)[tab.gallery])
    assert [each.question in shown for each in examples[:2]] == [False, True]


def test_a_vote_whose_names_are_not_told_yet_moves_no_figure_of_its_own_page(opened: Any, examples: Sequence[Example]) -> None:
    tab = opened([said(examples[0], "model_a", voter="bob"), said(examples[1], "model_b")])
    session = tab.sessions.of("a page")
    session.round = Round(battle=SimpleNamespace(id="battle-00001", blind=True), end="vote", asks_guess=True)  # type: ignore[arg-type]
    mine, others = Request(), SimpleNamespace(session_hash="another page")
    boards = [text(tab.on_show(None, ALL, "level", request)[tab.board]) for request in (mine, others)]
    assert ["100% of 1 decisive vote" in boards[0], "50% of 2 decisive votes" in boards[1]] == [True, True]
    assert [" 1 : 0 " in text(tab.on_field(None, ALL, "db", request)) for request in (mine, others)] == [True, False]
    session.round.asks_guess = False
    assert "50% of 2 decisive votes" in text(tab.on_show(None, ALL, "level", mine)[tab.board])


def test_agreement_counts_only_questions_drawn_at_random(opened: Any, examples: Sequence[Example]) -> None:
    tab = opened([said(each, "model_b", chosen="differing") for each in examples[:4]])
    assert "drawn at random" in text(judged(tab)[tab.agreement])
    assert "kappa" not in text(judged(tab)[tab.agreement])
    random = [said(each, winner) for each, winner in zip(examples[:6], ["model_b", "model_a"] * 3, strict=True)]
    tab = opened(random)
    assert "6 votes, 1 voter" in text(judged(tab)[tab.agreement])


def test_the_chart_needs_a_run_of_both_models_in_these_revisions(opened: Any, examples: Sequence[Example], tmp_path: Path) -> None:
    votes = [said(each, "model_a", chosen=chosen) for each, chosen in zip(examples[:5], ("random", *["differing"] * 4), strict=True)]
    tab = opened(votes)
    assert "No kept benchmark run" in judged(tab)[tab.about_run]
    kept_run(tmp_path / "runs", examples, {OWL: 0.9, ("elk", "older"): 0.3})
    assert judged(tab)[tab.chart]["visible"] is False
    kept_run(tmp_path / "runs", examples, {OWL: 0.9, ELK: 0.3})
    found = judged(tab)
    assert found[tab.chart]["visible"] is True
    assert "people prefer the first" in text(found[tab.numbers])
    assert "Votes: 1 on random questions, by 1 voter" in text(found[tab.about_run])
    assert "stored run of 2026-11-27" in text(found[tab.about_run])


def unpacked(update: dict[Any, Any], tab: VotesTab) -> dict[str, str]:
    file = update[tab.saving.file]
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(file["text"]))) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_a_download_holds_one_profile_and_its_card(opened: Any, examples: Sequence[Example]) -> None:
    tab = opened([said(examples[0], "model_a"), said(examples[1], "model_a", FOX, CUB, profile="mini")])
    update = tab.saving.on_save("jsonl", *tab._exported("mini/blind"), False, tab.sessions.of("a page"))
    assert update[tab.saving.file]["name"] == "votes-mini-jsonl.zip"
    files = unpacked(update, tab)
    (row,) = (json.loads(line) for line in files["votes.jsonl"].splitlines())
    assert (row["model_a"], row["gold_a"], row["gold_b"]) == ("fox", "wrong", "right")
    assert "practice models" in files["README.md"]
    nothing = tab.saving.on_save("jsonl", *tab._exported("baseline/blind"), False, tab.sessions.of("a page"))
    assert nothing[tab.saving.file] == {}
    assert "No vote of the baseline models is left" in nothing[tab.saving.told]


def test_a_download_keeps_quiet_about_the_open_battle_s_question(opened: Any, examples: Sequence[Example]) -> None:
    tab = opened([said(each, "model_a") for each in examples[:2]])
    session = tab.sessions.of("a page")
    session.round.ask = Ask(examples[0].question, "shop", ("owl", "elk"), blind=True, voter="ann", example=examples[0])
    update = tab.saving.on_save("jsonl", "real", "", False, session)
    assert [json.loads(line)["example_id"] for line in unpacked(update, tab)["votes.jsonl"].splitlines()] == [examples[1].id]
    assert "left out until you have voted" in update[tab.saving.told]


def test_a_download_has_skipped_battles_in_a_file_of_their_own_but_none_on_the_open_battle_s_question(
    opened: Any, examples: Sequence[Example]
) -> None:
    tab = opened([said(each, "model_a") for each in examples[:2]])
    store = tab.services.store
    vote = store.votes()[0]
    for number, example in enumerate(examples[:3]):
        sides = (answer(name, "SELECT 1", example) for name in ("owl", "elk"))
        skipped = Battle(f"skipped {number}", example.question, "shop", example.id, "arena", True, "real", *sides)
        token = store.add_battle(skipped, "bob", "random", ("r", "r"), "different", vote["db_content"])
        store.pass_over(skipped.id, "skip", "bob", token)
    session = tab.sessions.of("a page")
    session.round.ask = Ask(examples[0].question, "shop", ("owl", "elk"), blind=True, voter="ann", example=examples[0])
    files = unpacked(tab.saving.on_save("jsonl", "real", "", False, session), tab)
    assert [(each["example_id"], each["winner"]) for each in map(json.loads, files["events.jsonl"].splitlines())] == [
        (examples[1].id, ""), (examples[2].id, "")
    ]  # fmt: skip
    assert [json.loads(line)["event"] for line in files["votes.jsonl"].splitlines()] == ["vote"]
    assert "skip 2. These are no votes and never ties" in files["README.md"]
    assert list(unpacked(tab.saving.on_save("kto", "real", "", False, session), tab)) == ["kto.jsonl", "README.md"]


TRUST, OTHER = "7" * 64, "8" * 64
"""Hashes of two studies."""


@pytest.fixture
def studied(opened: Any, examples: Sequence[Example]) -> VotesTab:
    """The tab on 3 public votes for the owl, 9 of a study for the elk (whose title is known), and 1 of another study for the owl."""
    tab: VotesTab = opened([
        *(said(each, "model_a", voter=f"v{i}", chosen="random") for i, each in enumerate(examples[:3])),
        *(said(each, "model_b", voter=f"s{i}", chosen="study", study=TRUST) for i, each in enumerate(examples[3:12])),
        said(examples[12], "model_a", voter="t", chosen="study", study=OTHER),
    ])  # fmt: skip
    tab.services.store.name_study(TRUST, "Whom do <you> trust?")
    return tab


def test_figures_and_meter_are_of_public_votes_until_a_study_is_chosen(studied: VotesTab) -> None:
    shown = studied.on_show(None, ALL, "level")
    assert shown[studied.group]["choices"] == [
        ("Real models, blind (3 votes)", "real/blind"),
        ("Study 88888888: Real models, blind (1 vote)", f"real/blind/{OTHER}"),
        ("Study “Whom do <you> trust?” (77777777): Real models, blind (9 votes)", f"real/blind/{TRUST}"),
    ]
    assert shown[studied.group]["value"] == "real/blind"
    board = text(shown[studied.board])
    assert "3 votes by 3 voters on 1 database; the store has 13 votes in all" in board
    assert "100% of 3 decisive votes prefer The Owl" in board
    assert 'class="chip unsettled"' in shown[studied.board]
    assert re.search(r"shop The Owl against The Elk 100% \([^)]+\) 3 : 0 0 0 3 3 *$", text(studied.on_field(None, ALL, "db")))


def test_a_study_that_is_chosen_is_alone(studied: VotesTab) -> None:
    key = f"real/blind/{TRUST}"
    page = studied.on_show(key, ALL, "level")[studied.board]
    assert "Study “Whom do &lt;you&gt; trust?” (77777777): Real models, blind" in page
    assert "100% of 9 decisive votes prefer The Elk" in text(page)
    assert f"Votes of this study alone ({TRUST})" in page
    assert 'class="chip settled"' in page
    assert re.search(r"shop The Elk against The Owl 100% \([^)]+\) 9 : 0 0 0 9 9 *$", text(studied.on_field(key, ALL, "db")))
    assert "100% of 1 decisive vote prefer The Owl" in text(studied.on_show(f"real/blind/{OTHER}", ALL, "level")[studied.board])


def test_what_gold_answers_say_is_of_public_votes_or_of_one_study(studied: VotesTab, examples: Sequence[Example]) -> None:
    public, of_study, of_other = (judged(studied, key) for key in (None, f"real/blind/{TRUST}", f"real/blind/{OTHER}"))
    assert "3 votes, 3 voters" in text(public[studied.agreement])
    asked = [each.question for each in examples[:13]]
    assert [each in text(public[studied.gallery]) for each in asked] == [True] * 3 + [False] * 10
    assert not any(each in text(of_study[studied.gallery]) for each in asked), "there the right answer won"
    assert [each in text(of_other[studied.gallery]) for each in asked] == [False] * 12 + [True]


def test_a_download_is_of_public_votes_or_of_one_study(studied: VotesTab) -> None:
    session = studied.sessions.of("a page")
    for key, name, count_of, left in (
        (None, "votes", {"": 3}, "Left out: 10 votes of studies, which are files of their own."),
        (f"real/blind/{TRUST}", "votes-study-77777777", {TRUST: 9}, "Left out: 4 votes outside of this study"),
    ):
        update = studied.saving.on_save("jsonl", *studied._exported(key), False, session)
        assert update[studied.saving.file]["name"] == f"{name}-real-jsonl.zip"
        found = [json.loads(line)["study"] for line in unpacked(update, studied)["votes.jsonl"].splitlines()]
        assert Counter(found) == count_of
        assert left in update[studied.saving.told]
    update = studied.saving.on_save("arena-rank", *studied._exported(None), False, session)
    assert len(unpacked(update, studied)["arena_rank.csv"].splitlines()) == 1 + 3


def test_with_votes_of_studies_alone_no_figure_is_shown_until_one_is_chosen(opened: Any, examples: Sequence[Example]) -> None:
    tab = opened([said(examples[0], "model_b", chosen="study", study=TRUST)])
    shown = tab.on_show(None, ALL, "level")
    assert shown[tab.group] == gr.update(choices=[("Study 77777777: Real models, blind (1 vote)", f"real/blind/{TRUST}")], value=None)
    assert "choose a study above" in shown[tab.board]
    assert "%" not in shown[tab.board]
    assert shown[tab.body]["visible"] is False
    assert tab.on_field(None, ALL, "db") == judged(tab)[tab.agreement] == ""
    assert "100% of 1 decisive vote prefer The Elk" in text(tab.on_show(f"real/blind/{TRUST}", ALL, "level")[tab.board])
