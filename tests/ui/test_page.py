"""The page in Chromium, as a visitor meets it."""

import re

import pytest
from playwright.sync_api import expect

from tests.ui.looks import UNNAMED, check, overflow
from tests.ui.script import BIG, BROKEN, DATABASES, FAILURE, LONG, LOOP, ODD, PAIR, PLAIN, ROWS, SAME, SLOW, TITLES
from tests.ui.steps import ask, choose_database, start, text, vote

pytestmark = pytest.mark.browser
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
CLINIC_EXAMPLE = next(row["question"] for row in ROWS if row["id"].startswith("clinic") and row["split"] == "arena")
EXAMPLES = [row["question"] for row in ROWS if row["id"].startswith("shop") and row["split"] == "arena"]
NAMES = re.compile("|".join((*PAIR, *TITLES.values())))


@pytest.fixture
def window(open_window):
    """The desktop window, which other tests use too. Whatever was done in it, nothing failed and nothing left the machine."""
    opened = open_window(*SIZES["desktop"])
    yield opened
    assert not opened.errors
    assert not opened.strangers()


@pytest.fixture
def page(window):
    window.page.get_by_role("tab", name="Arena").click()
    choose_database(window.page, "shop", EXAMPLES[0])
    return window.page


def see_votes(page, count):
    """Wait until the Votes tab counts so many."""
    page.get_by_role("tab", name="Votes").click()
    page.wait_for_selector(f"#leaderboard [data-total='{count}']")


def table_of(page, said):
    """The side whose result holds a text; there is one."""
    found = page.locator("#table-a, #table-b").filter(has_text=said)
    expect(found).to_have_count(1)
    return found


def heights(page):
    """Of both SQL boxes, in pixels."""
    return page.locator("#sql-a, #sql-b").evaluate_all("all => all.map((each) => each.offsetHeight)")


@pytest.mark.parametrize(("size", "scheme"), [("desktop", "light"), ("phone", "dark")])
def test_from_a_question_to_a_vote(open_window, server, tmp_path, size, scheme):
    opened = open_window(*SIZES[size], scheme)
    page = opened.page
    page.screenshot(path=tmp_path / "1-first.png", full_page=True)
    assert page.locator("h1").all_inner_texts() == ["NL2SQL Arena"]
    expect(page.locator("#vote-tie")).to_be_disabled()
    empty = heights(page)
    assert empty[0] == empty[1] > 100
    page.click("#db input")
    expect(page.get_by_role("option")).to_have_text([re.compile(rf"(^|\s){name}\s*$") for name in DATABASES])
    page.get_by_role("option", name="shop", exact=True).click()
    question = page.locator("#question textarea")
    expect(question).to_have_value(EXAMPLES[0])

    page.get_by_role("button", name="Tables and columns").click()
    page.click("#schema summary:has-text('customers')")
    opened_table = page.locator("#schema details[open]")
    expect(opened_table).to_contain_text("first_name")
    expect(opened_table).to_contain_text("Some rows")
    expect(opened_table.locator("table").nth(1).locator("tbody tr")).to_have_count(5)
    check(page, tmp_path / "2-schema.png")
    page.get_by_role("button", name="Tables and columns").click()

    page.click("#example input")
    page.get_by_role("option", name=EXAMPLES[1], exact=True).click()
    expect(question).to_have_value(EXAMPLES[1])
    page.click("#ask")
    expect(page.locator("#title-a")).to_be_in_viewport()
    expect(page.locator("#vote-tie")).to_be_enabled()
    expect(table_of(page, "No answer")).to_be_visible()
    expect(page.locator(".side-column table")).to_have_count(1)
    expect(page.locator(".side-column .cm-content").filter(has_text="SELECT")).not_to_have_count(0)
    assert not NAMES.search(text(page, "#sides", "#strip", "#status", "#reveal"))
    check(page, tmp_path / "3-answered.png")
    assert heights(page) == empty

    before = server.count("events WHERE kind = 'vote'") - server.count("events WHERE kind = 'undo'")
    vote(page, "model_a")
    told = page.inner_text("#reveal")
    assert "Recorded: A is better. A practice vote" in told
    assert all(title in told for title in TITLES.values())
    assert len(re.findall(r"\d\.\d\d s", told)) == 4
    expect(page.locator("#gold")).to_contain_text(re.compile("right.*wrong: the tables can answer|wrong: the tables can answer.*right"))
    for at, side in enumerate("ab"):
        named = page.locator("#reveal h3").nth(at).inner_text()[1:].strip()
        expect(page.locator(f"#title-{side}")).to_have_text(re.compile(re.escape(named) + r"\s*$"))
    expect(page.locator("#votes button:visible:not([disabled])")).to_have_count(0)
    check(page, tmp_path / "4-voted.png")
    see_votes(page, before + 1)
    expect(page.locator("#leaderboard")).to_contain_text("Practice models")
    check(page, tmp_path / "5-votes.png")
    page.get_by_role("tab", name="About").click()
    check(page, tmp_path / "6-about.png")
    page.get_by_role("tab", name="Arena").click()
    assert not opened.errors
    assert not opened.strangers()


def test_everything_can_be_named_by_a_screen_reader(page):
    ask(page, SAME)
    for side in "ab":
        expect(page.locator(f"#sql-{side} .cm-content")).to_have_attribute("aria-label", f"SQL of model {side.upper()}")
    expect(page.locator(".cm-content")).to_have_count(2)  # the editor that puts a query right is not there before the vote
    for tab in ("Arena", "Votes", "Benchmark", "About"):
        page.get_by_role("tab", name=tab).click()
        expect(page.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
        expect(page.locator("h1:visible")).to_have_count(1)
        assert page.evaluate(UNNAMED) == [], tab


def test_the_same_results_are_said_to_be_the_same(page):
    ask(page, SAME)
    expect(page.locator("#strip")).to_have_text("Both results are the same table.")


def test_the_strip_says_how_results_differ(page):
    ask(page, PLAIN)
    expect(page.locator("#strip")).to_have_text(re.compile("[AB] has 1 column.*[AB] has 2 column|[AB] has 2 column.*[AB] has 1 column"))


def test_a_double_click_counts_once(page, server):
    ask(page, SAME)
    before = server.count("events")
    page.dblclick("#vote-tie")
    page.wait_for_selector("#reveal .recorded")
    expect(page.locator("#status")).to_have_text("")
    assert server.count("events") == before + 1


def test_stop_ends_a_slow_question_and_records_nothing(page, server):
    before = server.count("battles")
    start(page, SLOW)
    page.click("#stop:not([disabled])")
    page.wait_for_selector("#status:has-text('Stopped, and nothing was recorded')")
    page.wait_for_selector("#ask:not([disabled])")
    expect(page.locator("#vote-tie")).to_be_disabled()
    expect(page.locator("#retry")).to_have_count(0)
    assert server.count("battles") == before


def test_keys_ask_too(page):
    ask(page, SAME, keys="Control+Enter")
    expect(page.locator("#strip")).to_have_text("Both results are the same table.")


def test_open_mode_shows_names_and_live_text(page, tmp_path):
    page.get_by_role("button", name="Contestants and mode").click()
    page.get_by_label("Open: names and live text").check()
    start(page, SLOW)
    expect(page.locator("#title-a")).to_contain_text(TITLES[PAIR[0]])
    expect(page.locator("#title-b")).to_contain_text(TITLES[PAIR[1]])
    expect(page.locator("#sql-a .cm-content")).to_contain_text("SELECT 1 + 1")
    expect(page.locator("#vote-tie")).to_be_disabled()  # the models are still writing
    page.screenshot(path=tmp_path / "open.png", full_page=True)
    page.click("#stop")
    page.wait_for_selector("#ask:not([disabled])")
    page.get_by_label("Blind: names after the vote").check()
    page.get_by_role("button", name="Contestants and mode").click()
    ask(page, SAME)
    assert not NAMES.search(text(page, "#sides"))


def test_integers_beyond_64_bits_are_exact_and_an_error_shows_its_words(page, tmp_path):
    ask(page, BIG)
    big = table_of(page, "hugeint")
    assert big.locator("td").all_inner_texts() == ["170141183460469231731687303715884105727", "9007199254740993"]
    expect(table_of(page, "The query does not run")).to_contain_text("There is no table nowhere in this database")
    check(page, tmp_path / "error.png")


def test_odd_values_are_told_apart_and_a_drop_is_not_run(page, tmp_path):
    ask(page, ODD)
    odd = table_of(page, "empty text")
    assert odd.locator("td").all_inner_texts() == [
        "NULL", "empty text", "NaN", "[1, null]", "true", '<img src=x onerror="window.hacked=1"><b>bold</b>',
    ]  # fmt: skip
    assert [name.split("\n")[0] for name in odd.locator("th").all_inner_texts()] == ["a", "a", "b", "l", "t", "h"]
    assert page.evaluate("window.hacked") is None
    assert page.locator("td img, td b").count() == 0
    page.screenshot(path=tmp_path / "odd.png", full_page=True)
    expect(page.locator(".side-column .cm-content").filter(has_text="DROP")).to_have_count(1)
    vote(page, "both_bad")
    expect(table_of(page, "Not run")).to_be_visible()


def test_an_endless_query_is_stopped_and_can_be_voted_on(page):
    ask(page, LOOP)
    expect(table_of(page, "Stopped after too long")).to_be_visible()
    expect(page.locator("#strip")).to_have_text(re.compile(r"^\s*The results cannot be compared"))
    vote(page, "both_bad")


def test_our_own_failure_is_retried_and_then_voted_on(page, server, tmp_path):
    before = server.count("events")
    start(page, BROKEN)
    page.wait_for_selector("#retry:visible")
    expect(table_of(page, "This side failed on our account")).to_contain_text(FAILURE)
    expect(page.locator("#vote-tie")).to_be_disabled()
    page.screenshot(path=tmp_path / "failed.png", full_page=True)
    page.click("#retry")
    expect(page.locator("#vote-tie")).to_be_enabled()
    expect(page.locator("#retry")).to_be_hidden()
    vote(page, "tie")
    assert server.count("events") == before + 1


@pytest.mark.parametrize(("question", "sentence"), [("", "The question is empty"), ("x" * 10_000, "The question has 10,000 characters")])
def test_a_question_that_cannot_be_asked_gets_one_sentence(page, question, sentence):
    start(page, question)
    page.wait_for_selector(f"#status:has-text('{sentence}')")
    expect(page.locator("#status p")).to_have_count(1)
    expect(page.locator("#ask")).to_be_enabled()
    expect(page.locator("#vote-tie")).to_be_disabled()


def test_long_results_scroll_in_their_own_box(page):
    ask(page, SAME)
    short = heights(page)
    ask(page, LONG)
    assert heights(page) == short
    long = table_of(page, "First 200 of more than 1,000 rows")
    expect(long.locator("tbody tr")).to_have_count(200)
    assert long.locator(".grid").evaluate("each => each.scrollHeight > each.clientHeight")
    expect(table_of(page, "No rows")).to_contain_text("Columns: id")
    assert overflow(page) <= 0


def test_a_database_keeps_a_typed_question_and_replaces_an_example(page):
    page.fill("#question textarea", "My own question?")
    page.click("#db input")
    with page.expect_response("**/run/predict"):
        page.get_by_role("option", name="clinic", exact=True).click()
    page.click("#example input")
    page.wait_for_selector(f"[role=option]:has-text('{CLINIC_EXAMPLE}')")
    page.keyboard.press("Escape")
    expect(page.locator("#question textarea")).to_have_value("My own question?")


def test_keys_vote_but_not_while_something_is_typed(page, server):
    ask(page, PLAIN)
    before = server.count("events")
    page.click("#question textarea")
    page.keyboard.type("14")
    assert server.count("events") == before
    assert page.input_value("#question textarea").endswith("14")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Control+2")
    page.keyboard.press("5")
    page.keyboard.press("2")
    page.wait_for_selector("#reveal .recorded:has-text('B is better')")
    assert server.count("events") == before + 1
    expect(page.locator("#vote-model_b")).to_have_class(re.compile(r"\bprimary\b"))
    page.keyboard.press("1")
    see_votes(page, server.count("events WHERE kind = 'vote'") - server.count("events WHERE kind = 'undo'"))  # it would come later
    assert server.count("events") == before + 1


def test_a_vote_is_taken_back_and_a_skipped_battle_is_closed(page):
    ask(page, PLAIN)
    expect(page.locator("#undo")).to_be_hidden()
    vote(page, "tie")
    expect(page.locator("#skip")).to_be_hidden()
    page.click("#undo")
    page.wait_for_selector("#reveal:has-text('Taken back')")
    expect(page.locator("#undo")).to_be_hidden()
    ask(page, PLAIN)
    page.click("#skip")
    page.wait_for_selector("#told:has-text('counts for nobody')")
    expect(page.locator("#vote-tie")).to_be_disabled()
    assert not NAMES.search(text(page, "#sides", "#told"))


@pytest.mark.parametrize(("size", "scheme"), [pytest.param("desktop", "light", marks=pytest.mark.long), ("phone", "dark")])
def test_more_can_be_said_after_the_vote(open_window, tmp_path, size, scheme):
    opened = open_window(*SIZES[size], scheme)
    page = opened.page
    choose_database(page, "shop", EXAMPLES[0])
    ask(page, SAME)
    page.wait_for_selector("#vote-model_a:has-text('A reads better')")
    page.screenshot(path=tmp_path / "1-same.png", full_page=True)
    expect(page.locator("#details:visible, #fix:visible")).to_have_count(0)
    vote(page, "both_bad")
    page.get_by_role("button", name="Say more about this vote").click()
    page.locator("#correct-b").get_by_label("No", exact=True).check()
    page.locator("#reasons-b").get_by_label("wrong filter").check(force=True)
    page.click("#details-save")
    page.wait_for_selector("#details-told:has-text('Saved')")
    page.get_by_role("button", name="Put the SQL right").click()
    page.click("#fix-sql .cm-content")
    page.keyboard.press("Control+a")
    page.keyboard.type("SELECT 1234 AS right_one")
    page.click("#fix-run")
    page.wait_for_selector("#fix-table td:has-text('1234')")
    page.click("#fix-right:not([disabled])")
    page.wait_for_selector("#fix-told:has-text('Saved')")
    check(page, tmp_path / "2-more.png")
    assert not opened.errors
    assert not opened.strangers()


def test_a_vote_outlives_a_crash(browser, server, open_window):
    """The last test here: the pages of the others lose their server."""
    page = open_window(1024, 768).page
    choose_database(page, "shop", EXAMPLES[0])
    ask(page, SAME)
    vote(page, "model_b")
    count = server.count("events WHERE kind = 'vote'") - server.count("events WHERE kind = 'undo'")
    server.kill()
    server.start()
    again = open_window(1024, 769)
    see_votes(again.page, count)
    assert count > 0
    assert not again.errors
