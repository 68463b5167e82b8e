"""A study as its voters and its researcher meet it: from the server's side, then in Chromium on a desktop and a phone."""

import re
import sqlite3
import zipfile
from contextlib import closing
from types import SimpleNamespace

import duckdb
import gradio as gr
import pytest
from playwright.sync_api import expect

from nl2sql_arena import database, settings
from nl2sql_arena.services import Profile
from nl2sql_arena.ui.sessions import Sessions
from nl2sql_arena.ui.sides import STOPPED
from nl2sql_arena.ui.study import DONE, FULL, PASSED, UNDONE, StudyTab
from nl2sql_arena.ui.study_progress import REFUSED
from nl2sql_arena.votes import Store, study
from nl2sql_arena.votes.exports import pseudonym
from tests.simulated_votes import Said, fill
from tests.ui.conftest import Server, Window
from tests.ui.looks import WAIT_MS, check
from tests.ui.raw_page import RawPage
from tests.ui.script import BROKEN, LONG, PAIR, PLAIN, ROWS, SAME, TITLES

SECRET = "the researcher's own secret"
NAMES = re.compile("|".join((*PAIR, *TITLES.values())))
GOLD_WORDS = re.compile("gold answer|wrong: ")
ARENAS = next(row for row in ROWS if row["id"].startswith("shop") and row["split"] == "arena" and row["gold_sql"])
TEXT = f"""
title = "Which <answers> do people trust?"
models = ["{PAIR[0]}", "{PAIR[1]}"]
consent_version = "7"
consent = '''
Some words on <b>what</b> this is about.

You may stop at any time.
'''
thanks = "Your code for the payment is QX-17."
votes_per_question = 2
audit_share = 0
votes_per_voter = 2
invite_codes = [CODES]

[[questions]]
db = "shop"
id = "{ARENAS["id"]}"
[[questions]]
db = "shop"
id = "own-plain"
question = "{PLAIN}"
[[questions]]
db = "shop"
id = "own-same"
question = "{SAME}"
"""


def started(data, text):
    """The scripted app on a study."""
    data.mkdir(parents=True)
    file = data.parent / f"{data.name}.toml"
    file.write_text(text)
    running = Server(data, ARENA_STUDY=str(file), ARENA_STUDY_SECRET=SECRET)
    running.start()
    running.study = study.load(file)
    return running


@pytest.fixture(scope="module")
def codes():
    """More than these tests use: each test takes its own."""
    return iter([f"CODE-{number:06}" for number in range(40)])


@pytest.fixture(scope="module")
def roomy(tmp_path_factory):
    """A study that wants more votes than these tests give."""
    text = TEXT.replace("CODES", ", ".join(f'"CODE-{number:06}"' for number in range(40)))
    text = text.replace("votes_per_question = 2", "votes_per_question = 99")
    running = started(tmp_path_factory.mktemp("study") / "data", text)
    yield running
    running.stop()


@pytest.fixture
def small(tmp_path):
    """A study that two voters end, each with every question; its codes admit two each."""
    text = TEXT.replace("CODES", '"CODE-000001", "CODE-000002"').replace("votes_per_voter = 2", "voters_per_code = 2\nvotes_per_voter = 3")
    running = started(tmp_path / "data", text)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def auditing(tmp_path_factory, codes):
    """A study of four questions, of which one comes again; after each vote it is asked which model A was."""
    text = TEXT.replace("CODES", ", ".join(f'"{next(codes)}"' for _ in range(5)))
    text = text.replace("audit_share = 0", "audit_share = 1\ncontrol_share = 0.25")
    text = text.replace("votes_per_voter = 2", "votes_per_voter = 4").replace("votes_per_question = 2", "votes_per_question = 99")
    text += f'\n[[questions]]\ndb = "shop"\nid = "own-long"\nquestion = "{LONG}"\n'
    running = started(tmp_path_factory.mktemp("audit") / "data", text)
    running.codes = iter(re.findall(r"CODE-\d+", text))
    yield running
    running.stop()


class Page(RawPage):
    """A page of the study; `begin` is what a voter does first."""

    def begin(self, code):
        self.values["study-code"] = code
        self.click("study-begin")
        return self

    def opened(self):
        """What happens when the page opens."""
        (load,) = (each for each in self.config["dependencies"] if [target[1] for target in each["targets"]] == ["load"])
        found = [load]
        while later := [each for each in self.config["dependencies"] if each["trigger_after"] == found[-1]["id"]]:
            found += later
        for handler in found:
            self.call(handler)
        return self

    def asked(self):
        return re.search("<h2>(.*?)</h2>", self.shown["study-head"])[1].replace("&#x27;", "'")


def kept(server, table="battles"):
    with closing(sqlite3.connect(server.data / "votes.sqlite")) as store:
        store.row_factory = sqlite3.Row
        return [dict(row) for row in store.execute(f"SELECT * FROM {table} ORDER BY created")]


def kept_of(server, page, table="battles"):
    own = server.study.seat(page.values["visitor"]["code"], page.values["visitor"]["secret"]).voter
    return [row for row in kept(server, table) if row["voter"] == own]


def test_the_store_knows_the_title_of_a_study_that_was_opened_on_it(roomy):
    assert Store(roomy.data / "votes.sqlite").study_titles() == {roomy.study.hash: "Which <answers> do people trust?"}


def test_before_consent_and_code_nothing_is_asked_or_kept(roomy):
    page, before = Page(roomy.url).opened(), (len(kept(roomy)), len(kept(roomy, "events")))
    assert page.shown["study-entrance"]["visible"]
    assert "&lt;b&gt;what&lt;/b&gt;" in str(page.config)
    for wrong in ("", "CODE-999999", study.code_hash("CODE-000000")):
        page.begin(wrong)
        assert "not one of this study" in page.shown["study-refused"]
    page.click("study-next")
    page.vote("tie")
    page.click("skip")
    assert "Recorded" not in page.seen
    assert "<table>" not in page.shown.get("table-a", "")
    page.values["visitor"] = {"secret": "x" * 40, "code": "CODE-999999", "study": roomy.study.hash}
    page.click("study-next")
    assert page.shown["study-work"]["visible"] is False
    assert (len(kept(roomy)), len(kept(roomy, "events"))) == before


def test_a_voter_gets_the_studys_questions_and_no_name_to_the_end(roomy, codes):
    page = Page(roomy.url).begin(next(codes))
    assert page.values["study-code"] == ""
    for number in (1, 2):
        assert f"Question {number} of 2" in page.shown["study-head"]
        assert page.asked() in (ARENAS["question"], PLAIN, SAME)
        assert "<table>" in page.shown["table-a"] + page.shown["table-b"]
        page.vote("model_a")
        assert "Recorded: A" in page.shown["told"]
        page.click("study-next")
    assert page.shown["study-work"]["visible"] is False
    thanks = page.shown["study-thanks"]["value"]
    assert DONE["yours"] in thanks
    assert "You have given 2 votes." in thanks
    assert "QX-17" in thanks
    assert not NAMES.search(page.seen)
    assert not GOLD_WORDS.search(page.seen)
    battles, events = kept_of(roomy, page), kept_of(roomy, page, "events")
    assert {(row["study"], row["consent"], row["consent_version"], row["chosen"]) for row in battles} == {
        (roomy.study.hash, "votes", "7", "study")
    }
    assert len({row["example_id"] for row in battles}) == 2
    assert all(row["question"] and row["sql_a"] + row["sql_b"] for row in battles)
    assert [(event["kind"], event["study"]) for event in events] == [("vote", roomy.study.hash)] * 2
    assert page.values["visitor"]["code"] not in str(battles)


def test_what_is_skipped_does_not_come_again_and_what_is_taken_back_may(roomy, codes):
    page = Page(roomy.url).begin(next(codes))
    first = page.asked()
    page.vote("model_b")
    page.click("undo")
    assert UNDONE in page.shown["told"]
    page.click("study-next")
    assert "Question 1 of 2" in page.shown["study-head"]
    seen = []
    for kind in ("skip", "cant-tell", "skip"):
        seen.append(page.asked())
        page.click(kind)
        assert PASSED[kind.replace("-", "_")] in page.shown["told"]
        page.click("study-next")
    assert sorted(seen) == sorted([ARENAS["question"], PLAIN, SAME])
    assert first in seen
    assert DONE["nothing_left"] in page.shown["study-thanks"]["value"]


def test_who_comes_back_after_a_restart_votes_on_and_goes_on_with_the_same_question(roomy, codes):
    page = Page(roomy.url).begin(next(codes))
    asked = page.asked()
    again = Page(roomy.url)
    again.values["visitor"] = page.values["visitor"]
    assert again.opened().asked() == asked, "loading the page anew chooses no other question"
    roomy.kill()
    roomy.start()
    page.vote("tie")
    assert "Recorded" in page.shown["told"]
    again.vote("model_a")
    assert "judged this question of the study already" in again.shown["told"]
    page.click("study-next")
    assert "Question 2 of 2" in page.shown["study-head"]
    assert page.asked() != asked
    assert [event["kind"] for event in kept_of(roomy, page, "events")] == ["vote"]


def test_a_voter_erases_what_was_given(roomy, codes):
    page, other = (Page(roomy.url).begin(next(codes)) for _ in range(2))
    for each in (page, other):
        each.vote("tie")
    before, code = len(kept(roomy)), page.values["visitor"]["code"]
    page.click("erase-yes")
    assert "Erased: 1 question" in page.shown["study-refused"]
    assert page.shown["study-entrance"]["visible"]
    assert "code" not in page.values["visitor"]
    assert len(kept(roomy)) == before - 1
    assert code not in str(page.values)
    page.vote("tie")
    page.click("study-next")
    assert len(kept(roomy)) == before - 1


def test_only_the_secret_shows_the_progress(roomy, codes):
    voter = Page(roomy.url).begin(next(codes))
    voter.vote("model_a")
    name = pseudonym(kept_of(roomy, voter)[0]["voter"])
    page = Page(roomy.url)
    for wrong in ("", "the researcher's own", roomy.study.hash, study.secret_hash(SECRET)):
        page.values["study-secret"] = wrong
        page.click("study-show")
        assert REFUSED in page.shown["study-told"]
    page.click("study-refresh")
    assert name not in page.seen
    assert not re.search("By question|Missing|of 297 votes", page.seen)
    page.values["study-secret"] = SECRET
    page.click("study-show")
    shown = page.shown["study-progress"]
    assert page.values["study-secret"] == ""
    assert re.search(r"<span>\d+ of 297 votes</span>", shown)
    assert f"<code>{roomy.study.hash}</code>" in shown
    assert f"<code>{name}</code>" in shown
    assert "too fast" in shown
    assert "Not settled" in shown
    assert "own-plain" in shown
    assert SECRET not in page.seen
    assert kept_of(roomy, voter)[0]["voter"] not in shown
    assert SECRET not in roomy.log.read_text()
    page.click("study-refresh")
    assert "of 297 votes" in page.shown["study-progress"]


def test_one_question_comes_again_with_sides_exchanged_and_it_is_asked_who_a_was_but_never_told(auditing):
    page, asked = Page(auditing.url).begin(next(auditing.codes)), []
    for number in range(1, 6):
        assert f"Question {number} of 5" in page.shown["study-head"]
        asked.append(page.asked())
        page.vote("model_a" if number < 5 else "model_b")
        assert page.shown["guess-box"]["visible"] is (number < 5), "not where the question was judged before"
        if number < 5:
            assert page.shown["study-next-row"]["visible"] is False
            assert [page.shown[f"guess-{n}"]["value"] for n in (1, 2)] == sorted(TITLES.values()), "in an order that says nothing"
            page.click("guess-none" if number == 4 else "guess-1")
            said = f" You took A for {min(TITLES.values())}." if number < 4 else ""
            assert page.shown["told"].endswith(f"Recorded: A {'reads' if asked[-1] == SAME else 'is'} better.{said}</p>")
        assert page.shown["study-next-row"]["visible"]
        page.click("study-next")
    assert asked[4] == asked[0], "the only one that lies far enough back"
    assert "You have given 5 votes." in page.shown["study-thanks"]["value"]
    assert not re.search("and so it was|which was B", page.seen)
    battles = kept_of(auditing, page)
    assert [row["chosen"] for row in battles] == ["study"] * 4 + ["control"]
    assert (battles[4]["model_a"], battles[4]["model_b"]) == (battles[0]["model_b"], battles[0]["model_a"])
    guesses = [event["note"] for event in kept_of(auditing, page, "events") if event["kind"] == "guess"]
    right = sum(f'"{row["model_a"]}"' in note for row, note in zip(battles, guesses, strict=False))
    page.values["study-secret"] = SECRET
    page.click("study-show")
    shown = re.sub(r"<[^>]+>", " ", page.shown["study-progress"])
    assert "The same verdict on 100% (0% to 100%) of 1 question that came again with sides exchanged, to 1 voter" in shown
    assert re.search(rf"A was named rightly in {right / 3:.0%} \(\d+% to \d+%\) of 3 guesses \(a coin: 50%\); 1 had no idea", shown)
    assert "4 of 396 votes" in shown, "the control is none of them"
    assert "1 of 1" in shown


def test_of_a_battle_whose_page_is_closed_half_way_no_answer_leaves(services, monkeypatch):
    found = study.read(TEXT.replace("CODES", '"CODE-000001"').replace(PLAIN, BROKEN))
    request, sessions = SimpleNamespace(session_hash="a page"), Sessions()
    with gr.Blocks():
        opened = study.opened(found, services.databases, services.cards)
        tab = StudyTab(services, Profile("real", PAIR, PAIR, "here"), sessions, opened, 1)
    tab.on_begin("CODE-000001", None, request)
    asked = sessions.of("a page").round
    backend = services.engine.backend(asked.ask.models[1])
    write = backend.generate

    def closing(requests, *others):
        sessions.of("a page").close()
        yield from write(requests, *others)

    monkeypatch.setattr(backend, "generate", closing)
    assert tab.on_ask(request) == ("", "")
    shown = tab.on_results(request)
    assert STOPPED in shown[tab.status]
    assert shown[tab.results] == gr.update(visible=False)
    assert asked.battle is None
    assert services.store.of_study(found.hash) == []
    monkeypatch.undo()
    tab.on_next({"secret": "x" * 40, "code": "CODE-000001", "study": found.hash}, request)
    assert all(tab.on_ask(request)), "it is asked again"


def test_a_study_ends_for_everybody_when_its_target_is_reached(small):
    pages = [Page(small.url).begin(code) for code in ("CODE-000001", "code 000001")]
    for each in pages:
        for _ in range(3):
            each.vote("model_a")
            each.click("study-next")
    assert sorted(row["example_id"] for row in kept(small)) == sorted([ARENAS["id"], "own-plain", "own-same"] * 2)
    late = Page(small.url).begin("CODE-000001")
    assert FULL in late.shown["study-refused"]
    late.begin("CODE-000002")
    assert DONE["ended"] in late.shown["study-thanks"]["value"]
    assert len(kept(small)) == 6


def sign_in(page, code):
    page.fill("#study-code input", code)
    page.click("#study-begin")
    page.wait_for_selector("#vote-tie:not([disabled])")


@pytest.mark.browser
@pytest.mark.parametrize(("size", "scheme"), [pytest.param((1440, 900), "light", marks=pytest.mark.long), ((390, 844), "dark")])
def test_from_the_consent_to_the_thanks_and_to_the_researchers_page(browser, roomy, codes, tmp_path, size, scheme):
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    context.set_default_timeout(WAIT_MS)
    page, errors, requests = context.new_page(), [], []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda problem: errors.append(str(problem)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(roomy.url)
    page.wait_for_selector("#study-begin:visible")
    expect(page.locator("#study-work")).to_be_hidden()
    page.fill("#study-code input", "WRONG-CODE")
    page.click("#study-begin")
    page.wait_for_selector("#study-refused .note.bad")
    check(page, tmp_path / "1-consent.png")
    sign_in(page, next(codes))
    check(page, tmp_path / "2-question.png")
    expect(page.locator("#ticket")).to_be_hidden()
    page.keyboard.press("3")
    page.wait_for_selector("#told .note.good")
    check(page, tmp_path / "3-voted.png")
    page.click("#undo")
    page.wait_for_selector("#told:has-text('Taken back')")
    page.click("#study-next")
    page.wait_for_selector("#vote-model_a:not([disabled])")
    page.click("#vote-model_a")
    page.wait_for_selector("#told .note.good")
    page.reload()
    page.wait_for_selector("#study-head:has-text('Question 2 of 2')")
    page.wait_for_selector("#vote-model_b:not([disabled])")
    page.click("#vote-model_b")
    page.wait_for_selector("#study-next:visible")
    page.click("#study-next")
    page.wait_for_selector("#study-thanks:has-text('QX-17')")
    check(page, tmp_path / "4-thanks.png")
    assert not NAMES.search(page.content())
    page.click("button[role=tab]:has-text('For the researcher')")
    page.fill("#study-secret input", SECRET)
    page.click("#study-show")
    page.wait_for_selector("#study-progress table")
    check(page, tmp_path / "5-progress.png")
    assert not any(SECRET in url or "CODE-" in url for url in requests)
    assert not [url for url in requests if not url.startswith((roomy.url + "/", "data:", "blob:"))]
    assert not errors
    context.close()


@pytest.mark.browser
@pytest.mark.parametrize(("size", "scheme"), [pytest.param((1440, 900), "light", marks=pytest.mark.long), ((390, 844), "dark")])
def test_who_a_was_is_asked_in_between_and_the_researcher_sees_what_came_of_it(browser, auditing, tmp_path, size, scheme):
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    page.goto(auditing.url)
    page.wait_for_selector("#study-begin:visible")
    sign_in(page, next(auditing.codes))
    page.click("#vote-tie")
    page.wait_for_selector("#guess-1:visible")
    check(page, tmp_path / "6-asked.png")
    expect(page.locator("#study-next")).to_be_hidden()
    page.click("#guess-2")
    page.wait_for_selector("#told:has-text('You took A for')")
    page.wait_for_selector("#study-next:visible")
    page.wait_for_selector("#guess-1", state="hidden")
    page.click("button[role=tab]:has-text('For the researcher')")
    page.fill("#study-secret input", SECRET)
    page.click("#study-show")
    page.wait_for_selector("#study-progress :text('A was named rightly in')")
    check(page, tmp_path / "7-trust.png")
    context.close()


TRUST = "7" * 64
"""The hash of a study."""


@pytest.fixture
def arena_with_a_study(tmp_path, monkeypatch):
    """The public arena on a store of 3 public votes for the second of the pair, and 9 of a study for the first."""
    monkeypatch.delenv("ARENA_STUDY", raising=False)
    shop = database.catalogue(settings.load({}))["shop"]
    asked = [each for each in shop.examples() if each.split == "arena" and each.gold_sql][:12]
    sides = (PAIR[0], "r1", "SELECT 1"), (PAIR[1], "r2", "SELECT 2")
    public = [Said(*sides, "model_b", f"v{n}", each, "mini", content=shop.content) for n, each in enumerate(asked[:3])]
    others = [
        Said(*sides, "model_a", f"s{n}", each, "mini", chosen="study", content=shop.content, study=TRUST)
        for n, each in enumerate(asked[3:])
    ]
    running = Server(tmp_path / "data")
    running.data.mkdir()
    fill(running.data / "votes.sqlite", [*public, *others]).name_study(TRUST, "Whom do <you> trust?")
    running.start()
    yield running
    running.stop()


def downloaded(page):
    """The name of the file that one click gives, and how many votes of which study it holds."""
    with page.expect_download() as waiting:
        page.click("#votes-download")
    with zipfile.ZipFile(waiting.value.path()) as archive:
        parquet = archive.extract("votes.parquet", waiting.value.path().with_suffix(".d"))
    return waiting.value.suggested_filename, duckdb.sql(f"SELECT study, count(*) FROM '{parquet}' GROUP BY study").fetchall()


@pytest.mark.browser
def test_a_study_chosen_in_the_votes_tab_is_alone_in_figures_and_file(browser, arena_with_a_study, tmp_path):
    window = Window(browser, arena_with_a_study, 1440, 900, "light", agrees=False)
    page, first, second = window.page, *(TITLES[name].split()[0] for name in PAIR)
    page.click("button[role=tab]:has-text('Votes')")
    page.wait_for_selector(f"#leaderboard:has-text('100% of 3 decisive votes prefer {second}')")
    assert first not in page.inner_text("#leaderboard .headline")
    name, held = downloaded(page)
    assert ("study" in name, held) == (False, [("", 3)])
    page.click("#votes-group input")
    page.click("[role=option]:has-text('Whom do <you> trust?')")
    page.wait_for_selector(f"#leaderboard:has-text('100% of 9 decisive votes prefer {first}')")
    page.wait_for_selector(f"#leaderboard:has-text('Votes of this study alone ({TRUST})')")
    page.wait_for_selector("#votes-agreement:not(:has-text('Comparing'))", state="attached")
    page.wait_for_selector("#votes-told:not(:has-text('rows'))", state="attached")  # it told of the file of other votes
    check(page, tmp_path / "8-chosen.png")
    name, held = downloaded(page)
    assert (name.startswith(f"votes-study-{TRUST[:8]}-"), held) == (True, [(TRUST, 9)])
    page.click("#votes-group input")
    page.click("[role=option]:has-text('Practice models'):not(:has-text('Study'))")
    page.wait_for_selector(f"#leaderboard:has-text('100% of 3 decisive votes prefer {second}')")
    page.wait_for_selector("#leaderboard:not(:has-text('Votes of this study'))")
    assert not window.errors
    window.context.close()
