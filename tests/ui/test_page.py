"""The page in Chromium, as a visitor meets it."""

import re

import pytest

from tests.ui.looks import READABLE, UNNAMED, overflow
from tests.ui.script import BIG, BROKEN, DATABASES, FAILURE, LONG, LOOP, ODD, PAIR, PLAIN, ROWS, SAME, SLOW, TITLES

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
    choose_database(window.page, "shop")
    return window.page


def choose_database(page, name):
    if page.input_value("#db input") != name:
        page.click("#db input")
        with page.expect_response("**/run/predict"):
            page.get_by_role("option", name=name, exact=True).click()


def start(page, question):
    """Ask, and wait until the page says that the models are at work."""
    page.fill("#question textarea", question)
    page.click("#ask")


def ask(page, question):
    """Ask and wait for the verdict buttons; the text of both sides and of the strip between them."""
    page.evaluate("document.querySelectorAll('.side-column :is(.grid, .outcome)').forEach((each) => each.dataset.old = 'yes')")
    start(page, question)
    page.wait_for_selector("#table-b :is(.grid, .outcome):not([data-old])")
    page.wait_for_selector("#vote-tie:not([disabled])")
    return [page.inner_text(each) for each in ("#table-a", "#table-b", "#strip")]


def vote(page, winner):
    page.click(f"#vote-{winner}")
    page.wait_for_selector("#reveal .recorded")


def see_votes(page, count):
    """Wait until the Votes tab counts so many."""
    page.get_by_role("tab", name="Votes").click()
    page.wait_for_selector(f"#leaderboard [data-total='{count}']")


def table_of(page, text):
    """The side whose result holds a text."""
    return page.locator("#table-a, #table-b").filter(has_text=text)


def heights(page):
    """Of both SQL boxes, in pixels."""
    return page.locator("#sql-a, #sql-b").evaluate_all("all => all.map((each) => each.offsetHeight)")


@pytest.mark.parametrize(("size", "scheme"), [("desktop", "light"), ("phone", "dark")])
def test_from_a_question_to_a_vote(open_window, server, tmp_path, size, scheme):
    opened = open_window(*SIZES[size], scheme)
    page = opened.page
    page.screenshot(path=tmp_path / "1-first.png", full_page=True)
    assert page.locator("h1").all_inner_texts() == ["NL2SQL Arena"]
    assert page.locator("#vote-tie").is_disabled()
    empty = heights(page)
    assert empty[0] == empty[1] > 100
    page.click("#db input")
    assert [text.split()[-1] for text in page.get_by_role("option").all_inner_texts()] == list(DATABASES)
    page.get_by_role("option", name="shop", exact=True).click()
    page.wait_for_function("text => document.querySelector('#question textarea').value === text", arg=EXAMPLES[0])

    page.get_by_role("button", name="Tables and columns").click()
    page.click("#schema summary:has-text('customers')")
    opened_table = page.locator("#schema details[open]")
    assert "first_name" in opened_table.inner_text()
    assert "Some rows" in opened_table.inner_text()
    assert opened_table.locator("table").nth(1).locator("tbody tr").count() == 5
    page.screenshot(path=tmp_path / "2-schema.png", full_page=True)
    assert overflow(page) <= 0
    page.get_by_role("button", name="Tables and columns").click()

    page.click("#example input")
    page.get_by_role("option", name=EXAMPLES[1], exact=True).click()
    page.wait_for_function("text => document.querySelector('#question textarea').value === text", arg=EXAMPLES[1])
    page.click("#ask")
    page.wait_for_selector("#vote-tie:not([disabled])")
    assert not NAMES.search("".join(page.inner_text(each) for each in ("#sides", "#strip", "#status", "#reveal")))
    assert table_of(page, "No answer").count() == 1
    assert page.locator(".side-column table").count() == 1
    assert "SELECT" in "".join(page.locator(".cm-content").all_inner_texts())
    page.screenshot(path=tmp_path / "3-answered.png", full_page=True)
    assert overflow(page) <= 0
    assert heights(page) == empty
    assert page.evaluate(READABLE) == []

    before = server.count("events WHERE kind = 'vote'") - server.count("events WHERE kind = 'undo'")
    vote(page, "model_a")
    told = page.inner_text("#reveal")
    assert "Recorded: A is better. A practice vote" in told
    assert all(title in told for title in TITLES.values())
    assert len(re.findall(r"\d\.\d\d s", told)) == 4
    page.wait_for_selector("#gold .note")
    gold = page.inner_text("#gold")
    assert "right" in gold
    assert "wrong: the tables can answer this question" in gold
    assert [
        page.inner_text(f"#title-{side}").endswith(page.locator("#reveal h3").nth(at).inner_text()[1:].strip())
        for at, side in enumerate("ab")
    ] == [True, True]
    assert page.locator("#votes button:visible").evaluate_all("all => all.every((each) => each.disabled)")
    page.screenshot(path=tmp_path / "4-voted.png", full_page=True)
    assert overflow(page) <= 0
    assert page.evaluate(READABLE) == []
    see_votes(page, before + 1)
    page.screenshot(path=tmp_path / "5-votes.png", full_page=True)
    assert "Practice models" in page.inner_text("#leaderboard")
    assert overflow(page) <= 0
    page.get_by_role("tab", name="About").click()
    page.screenshot(path=tmp_path / "6-about.png", full_page=True)
    assert overflow(page) <= 0
    page.get_by_role("tab", name="Arena").click()
    assert not opened.errors
    assert not opened.strangers()


def test_everything_can_be_named_by_a_screen_reader(page):
    ask(page, SAME)
    for tab in ("Arena", "Votes", "Benchmark", "About"):
        page.get_by_role("tab", name=tab).click()
        assert page.evaluate(UNNAMED) == [], tab
        assert page.locator("h1:visible").count() == 1
    assert {each.get_attribute("aria-label") for each in page.locator(".cm-content").all()} == {"SQL of model A", "SQL of model B"}, (
        "the editor that puts a query right is not there before the vote"
    )


def test_the_same_results_are_said_to_be_the_same(page):
    assert ask(page, SAME)[2] == "Both results are the same table."


def test_the_strip_says_how_results_differ(page):
    assert sorted(re.findall(r"[AB] has (\d) column", ask(page, PLAIN)[2])) == ["1", "2"]


def test_a_double_click_counts_once(page, server):
    ask(page, SAME)
    before = server.count("events")
    page.dblclick("#vote-tie")
    page.wait_for_selector("#reveal .recorded")
    assert server.count("events") == before + 1
    assert page.inner_text("#status") == ""


def test_stop_ends_a_slow_question_and_records_nothing(page, server):
    before = server.count("battles")
    start(page, SLOW)
    page.click("#stop:not([disabled])")
    page.wait_for_selector("#status:has-text('Stopped, and nothing was recorded')")
    page.wait_for_selector("#ask:not([disabled])")
    assert page.locator("#vote-tie").is_disabled()
    assert page.locator("#retry").count() == 0
    assert server.count("battles") == before


def test_keys_ask_too(page):
    page.fill("#question textarea", SAME)
    page.press("#question textarea", "Control+Enter")
    page.wait_for_selector("#vote-tie:not([disabled])")


def test_open_mode_shows_names_and_live_text(page, tmp_path):
    page.get_by_role("button", name="Contestants and mode").click()
    page.get_by_label("Open: names and live text").check()
    start(page, SLOW)
    page.wait_for_selector(f"#title-a:has-text('{TITLES[PAIR[0]]}')")
    page.wait_for_selector("#sql-a .cm-content:has-text('SELECT 1 + 1')")
    assert TITLES[PAIR[1]] in page.inner_text("#title-b")
    assert page.locator("#vote-tie").is_disabled(), "the models are still writing"
    page.screenshot(path=tmp_path / "open.png", full_page=True)
    page.click("#stop")
    page.wait_for_selector("#ask:not([disabled])")
    page.get_by_label("Blind: names after the vote").check()
    page.get_by_role("button", name="Contestants and mode").click()
    ask(page, SAME)
    assert not NAMES.search(page.inner_text("#sides"))


def test_integers_beyond_64_bits_are_exact_and_an_error_shows_its_words(page, tmp_path):
    ask(page, BIG)
    big = table_of(page, "hugeint")
    assert big.locator("td").all_inner_texts() == ["170141183460469231731687303715884105727", "9007199254740993"]
    assert "There is no table nowhere in this database" in table_of(page, "The query does not run").inner_text()
    page.screenshot(path=tmp_path / "error.png", full_page=True)
    assert page.evaluate(READABLE) == []


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
    assert "DROP" in "".join(page.locator(".cm-content").all_inner_texts())
    vote(page, "both_bad")
    assert table_of(page, "Not run").count() == 1


def test_an_endless_query_is_stopped_and_can_be_voted_on(page):
    ask(page, LOOP)
    assert table_of(page, "Stopped after too long").count() == 1
    assert page.inner_text("#strip").startswith("The results cannot be compared")
    vote(page, "both_bad")


def test_our_own_failure_is_retried_and_then_voted_on(page, server, tmp_path):
    before = server.count("events")
    start(page, BROKEN)
    page.wait_for_selector("#retry:visible")
    assert FAILURE in table_of(page, "This side failed on our account").inner_text()
    assert page.locator("#vote-tie").is_disabled()
    page.screenshot(path=tmp_path / "failed.png", full_page=True)
    page.click("#retry")
    page.wait_for_selector("#vote-tie:not([disabled])")
    assert not page.locator("#retry").is_visible()
    vote(page, "tie")
    assert server.count("events") == before + 1


@pytest.mark.parametrize(("question", "sentence"), [("", "The question is empty"), ("x" * 10_000, "The question has 10,000 characters")])
def test_a_question_that_cannot_be_asked_gets_one_sentence(page, question, sentence):
    start(page, question)
    page.wait_for_selector(f"#status:has-text('{sentence}')")
    assert page.locator("#status p").count() == 1
    page.wait_for_selector("#ask:not([disabled])")
    assert page.locator("#vote-tie").is_disabled()


def test_long_results_scroll_in_their_own_box(page):
    ask(page, SAME)
    short = heights(page)
    ask(page, LONG)
    assert heights(page) == short
    assert table_of(page, "First 200 of more than 1,000 rows").locator("tbody tr").count() == 200
    assert table_of(page, "First 200").locator(".grid").evaluate("each => each.scrollHeight > each.clientHeight")
    assert "Columns: id" in table_of(page, "No rows").inner_text()
    assert overflow(page) <= 0


def test_a_database_keeps_a_typed_question_and_replaces_an_example(page):
    page.fill("#question textarea", "My own question?")
    choose_database(page, "clinic")
    page.click("#example input")
    page.wait_for_selector(f"[role=option]:has-text('{CLINIC_EXAMPLE}')")
    page.keyboard.press("Escape")
    assert page.input_value("#question textarea") == "My own question?"


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
    assert "primary" in page.get_attribute("#vote-model_b", "class")
    page.keyboard.press("1")
    assert server.count("events") == before + 1


def test_a_vote_is_taken_back_and_a_skipped_battle_is_closed(page):
    ask(page, PLAIN)
    assert not page.locator("#undo").is_visible()
    vote(page, "tie")
    assert not page.locator("#skip").is_visible()
    page.click("#undo")
    page.wait_for_selector("#reveal:has-text('Taken back')")
    assert not page.locator("#undo").is_visible()
    ask(page, PLAIN)
    page.click("#skip")
    page.wait_for_selector("#told:has-text('counts for nobody')")
    assert page.locator("#vote-tie").is_disabled()
    assert not NAMES.search(page.inner_text("#sides") + page.inner_text("#told"))


@pytest.mark.parametrize(("size", "scheme"), [("desktop", "dark"), ("phone", "light")])
def test_more_can_be_said_after_the_vote(open_window, tmp_path, size, scheme):
    opened = open_window(*SIZES[size], scheme)
    page = opened.page
    choose_database(page, "shop")
    ask(page, SAME)
    page.wait_for_selector("#vote-model_a:has-text('A reads better')")
    page.screenshot(path=tmp_path / "1-same.png", full_page=True)
    assert not page.locator("#details, #fix").first.is_visible()
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
    page.screenshot(path=tmp_path / "2-more.png", full_page=True)
    assert overflow(page) <= 0
    assert page.evaluate(READABLE) == []
    assert page.evaluate(UNNAMED) == []
    assert not opened.errors
    assert not opened.strangers()


def test_a_vote_outlives_a_crash(browser, server, open_window):
    """The last test here: the pages of the others lose their server."""
    page = open_window(1024, 768).page
    choose_database(page, "shop")
    ask(page, SAME)
    vote(page, "model_b")
    count = server.count("events WHERE kind = 'vote'") - server.count("events WHERE kind = 'undo'")
    server.kill()
    server.start()
    again = open_window(1024, 769)
    see_votes(again.page, count)
    assert count > 0
    assert not again.errors
