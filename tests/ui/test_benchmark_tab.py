"""The Benchmark tab in Chromium: run a sample, watch it fill, cancel and resume, filter, open a question, go on in the arena."""

import csv
import json
import re
import time

import pytest
from playwright.sync_api import expect

from tests.ui.looks import WAIT_MS, check
from tests.ui.raw_page import RawPage
from tests.ui.script import PAIR, ROWS, TITLES
from tests.ui.steps import ask, choose_database, vote

pytestmark = pytest.mark.browser
DEV = [row for row in ROWS if row["split"] == "dev"]
ANSWERABLE = [row for row in DEV if row["gold_sql"]]
"""The first of the pair has all of these right; the second never has one."""
N_IN_PLOT = """() => Math.max(0, ...(document.querySelector('#bench-plot .js-plotly-plot')?.data ?? [])
  .filter((each) => each.type === 'bar').map((each) => each.customdata[0].at(-1)))"""
"""The n under the first bar of the plot, of all levels."""


@pytest.fixture
def window(open_window):
    opened = open_window()
    yield opened
    assert not opened.errors
    assert not opened.strangers()


@pytest.fixture
def page(window):
    show(window.page)
    return window.page


def show(page):
    """The tab, as the server has it now: what comes of opening it would else come between later choices."""
    tab = page.get_by_role("tab", name="Benchmark")
    if tab.get_attribute("aria-selected") != "true":
        with page.expect_response("**/run/predict"):
            tab.click()
    page.wait_for_selector("#bench-estimate .rows")


def another(browser, server):
    """The tab on a page of another visitor."""
    context = browser.new_context()
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    page.goto(server.url)
    page.wait_for_selector("#ask:not([disabled])")
    show(page)
    return page


def choose(page, part, option):
    page.click(f"{part} input")
    page.get_by_role("option", name=option).click()


def sampled(page):
    """Run a quick sample to its end."""
    page.evaluate("document.querySelectorAll('#bench-progress .bar').forEach((each) => each.dataset.old = 'yes')")
    page.click("#bench-quick")
    page.wait_for_selector("#bench-progress .bar:not([data-old]):has-text('Done: 40 of 40 answers')")
    page.wait_for_selector("#bench-said:has-text('Stored run of')")
    page.wait_for_selector("#bench-quick:visible")


def drawn(page, count):
    """Wait until the plot is of so many questions."""
    page.wait_for_function(f"count => ({N_IN_PLOT})() === count", arg=count)


def listed(page, *sentence):
    """The questions in the list, once the line below it says how many there are."""
    for words in sentence:
        page.wait_for_selector(f"#bench-where:has-text('{words}')")
    return page.locator("#bench-list button.opener").all_inner_texts()


def verdicts(page):
    """The verdicts of all rows: a tuple with one word for each contestant."""
    rows = page.locator("#bench-list tbody tr").all()
    return [tuple(row.locator("td").nth(at).inner_text().split("\n")[0] for at in (1, 2)) for row in rows]


def saved(page, button):
    with page.expect_download() as download:
        page.click(button)
    return download.value.suggested_filename, download.value.path().read_bytes()


def test_before_any_run_the_tab_says_what_to_do(page, tmp_path):
    expect(page.locator("#bench-head")).to_contain_text("No run is stored yet")
    estimate = "Quick sample: 20 dev questions to 2 contestants; how long that takes here is not known yet."
    expect(page.locator("#bench-estimate")).to_contain_text(estimate)
    expect(page.locator("#bench-body")).to_be_hidden()
    expect(page.locator("#bench-resume")).to_be_hidden()
    check(page, tmp_path / "empty.png")


def test_a_quick_sample_is_drawn_kept_and_what_the_next_page_opens_on(page, browser, server, tmp_path):
    sampled(page)
    drawn(page, 20)
    heights = page.evaluate("document.querySelector('#bench-plot .js-plotly-plot').data.filter((e) => e.type === 'bar').map((e) => e.y[0])")
    assert heights == [100, 0]
    colours = page.evaluate("document.querySelector('#bench-plot .js-plotly-plot').data[0].marker.color")
    assert {colour.replace(" ", "") for colour in colours} == {"rgba(0,0,0,0)"}, "fewer than 100 questions are drawn hollow"
    expect(page.locator("#bench-head h2")).to_have_text(re.compile(r"^\s*Stored run of "))
    for said in ("20 dev questions, a sample stratified over levels and databases", "prompt phi2-sql", "Practice models"):
        expect(page.locator("#bench-head")).to_contain_text(said)
    for said in ("dev questions, which are for development", "from 2 schemas"):
        expect(page.locator("#bench-contestants")).to_contain_text(said)
    check(page, tmp_path / "sample.png")

    kept = re.search(r"Kept as (\S+)\.", page.inner_text("#bench-progress"))[1]
    lines = (server.data / "runs" / f"{kept}.jsonl").read_text().splitlines()
    assert len(lines) == 41
    other = another(browser, server)
    expect(other.locator("#bench-head h2")).to_have_text(page.inner_text("#bench-head h2"))
    expect(other.locator("#bench-said")).to_contain_text("Stored run of")
    expect(other.locator("#bench-estimate")).to_contain_text(re.compile(r"about \d+ \w+ by earlier runs here"))
    other.context.close()


def test_a_full_run_asks_first_fills_is_cancelled_and_resumed(page, server, tmp_path):
    page.click("#bench-full")
    page.wait_for_selector("#bench-start:visible")
    asked = f"All {len(DEV)} dev questions to 2 contestants are {2 * len(DEV)} answers"
    expect(page.locator("#bench-confirm")).to_contain_text(asked)
    page.click("#bench-not-now")
    expect(page.locator("#bench-confirm")).to_be_hidden()
    server.allow(20)
    page.click("#bench-full")
    page.click("#bench-start")
    page.wait_for_selector("#bench-head h2:has-text('Live run')")
    page.wait_for_function(f"() => ({N_IN_PLOT})() > 0")
    first = page.evaluate(N_IN_PLOT)
    server.allow(40)
    page.wait_for_function(f"first => ({N_IN_PLOT})() > first", arg=first)
    expect(page.locator("#bench-said p").last).to_have_text(re.compile(r"^\s*Live: "))
    page.screenshot(path=tmp_path / "live.png")
    page.click("#bench-cancel")
    page.wait_for_selector("#bench-progress:has-text('Cancelled:')")
    page.wait_for_selector("#bench-resume:visible")
    server.allow()
    done, total = map(int, re.search(r"(\d+) of (\d+)", page.inner_text("#bench-progress")).groups())
    assert 0 < done < total == 2 * len(DEV)
    expect(page.locator("#bench-head h2")).to_have_text(re.compile(rf"^\s*Unfinished run \({done} of {total} answers\)"))

    page.click("#bench-resume")
    page.wait_for_selector(f"#bench-progress:has-text('Done: {total} of {total} answers')")
    expect(page.locator("#bench-progress")).to_contain_text(f"{done} of them were written before and come from the run log.")
    page.wait_for_selector("#bench-head h2:has-text('Stored run')")
    expect(page.locator("#bench-resume")).to_be_hidden()
    keys = [json.loads(line)["key"] for line in (server.data / "runs" / "completions.jsonl").read_text().split("\n") if line]
    assert len(keys) == len(set(keys)) == total, "what was written was written again"


def test_questions_are_filtered_and_paged(page, tmp_path):
    unanswerable = len(DEV) - len(ANSWERABLE)
    assert len(listed(page, f"1 to 25 of {len(DEV)} questions")) == 25
    page.click("#bench-next")
    second = listed(page, "26 to 50")
    page.click("#bench-back")
    assert not set(second) & set(listed(page, "1 to 25"))
    choose(page, "#bench-verdict", "A right, B wrong")
    listed(page, f"of {len(ANSWERABLE)} questions")
    assert set(verdicts(page)) == {("✓ right", "✗ wrong")}
    choose(page, "#bench-b", TITLES[PAIR[0]])  # B becomes what A was, and A what B was
    page.wait_for_selector("#bench-where:has-text('No question is like that')")
    choose(page, "#bench-verdict", "A wrong, B right")
    assert listed(page, f"of {len(ANSWERABLE)} questions")
    choose(page, "#bench-a", TITLES[PAIR[0]])
    page.wait_for_selector("#bench-where:has-text('No question is like that')")
    choose(page, "#bench-verdict", "Both right")
    listed(page, f"1 to {unanswerable} of {unanswerable} questions")
    choose(page, "#bench-verdict", "All verdicts")
    listed(page, f"of {len(DEV)} questions")
    choose(page, "#bench-level", "unanswerable")
    listed(page, f"1 to {unanswerable} of {unanswerable} questions")
    choose(page, "#bench-level", "All levels")
    listed(page, f"of {len(DEV)} questions")
    choose(page, "#bench-db", "clinic")
    clinic = sum(row["id"].startswith("clinic") for row in DEV)
    listed(page, f"of {clinic} questions")
    choose(page, "#bench-feature", "group")
    expect(page.locator("#bench-where")).to_have_text(re.compile(f" of (?!{clinic} )[0-9]+ questions"))
    choose(page, "#bench-feature", "All features")
    listed(page, f"of {clinic} questions")
    row = next(row for row in DEV if row["id"].startswith("clinic"))
    page.fill("#bench-text textarea", row["question"].upper())
    assert listed(page, "1 to 1 of 1 questions") == [row["question"]]
    page.screenshot(path=tmp_path / "filtered.png", full_page=True)
    page.fill("#bench-text textarea", "")
    listed(page, f"of {clinic} questions")
    choose(page, "#bench-db", "All databases")
    listed(page, f"of {len(DEV)} questions")


def test_an_opened_question_shows_why_and_goes_on_in_the_arena(page, tmp_path):
    row = next(row for row in ANSWERABLE if row["id"].startswith("shop") and "GROUP BY" in row["gold_sql"][0])
    page.fill("#bench-text textarea", row["question"])
    listed(page, "1 to 1 of 1 questions")
    page.click("#bench-list button.opener")
    page.wait_for_selector("#bench-table-a table")
    for part, said in (
        ("asked", row["question"]),
        ("asked", "by Spider's rules"),
        ("title-a", "Right: the same table"),
        ("title-b", "Wrong: no query where the tables can answer"),
        ("sql-gold .cm-content", "GROUP BY"),
        ("sql-a .cm-content", "GROUP BY"),
        ("facts-a", "Changed before running"),
    ):
        expect(page.locator(f"#bench-{part}")).to_contain_text(said)
    expect(page.locator("#bench-table-gold table")).to_have_text(page.inner_text("#bench-table-a table"), use_inner_text=True)
    for part, named in {"gold": "Gold query", "a": "SQL of contestant A", "b": "SQL of contestant B"}.items():
        expect(page.locator(f"#bench-detail #bench-sql-{part} .cm-content")).to_have_attribute("aria-label", named)
    check(page, tmp_path / "opened.png")
    page.click("#bench-to-arena")
    page.wait_for_selector("#question textarea:visible")
    expect(page.locator("#db input")).to_have_value("shop")
    expect(page.locator("#question textarea")).to_have_value(row["question"])
    expect(page.locator("#status")).to_contain_text("open mode")
    page.click("#ask")
    expect(page.locator("#vote-tie")).to_be_enabled()
    for name in PAIR:
        expect(page.locator("#title-a, #title-b").filter(has_text=TITLES[name])).to_have_count(1)
    vote(page, "tie")
    page.get_by_role("button", name="Contestants and mode").click()
    page.get_by_label("Blind: names after the vote").check()
    page.get_by_role("button", name="Contestants and mode").click()
    show(page)
    expect(page.locator("#bench-detail")).to_be_visible()  # what was open is so still
    page.click("#bench-close")
    expect(page.locator("#bench-detail")).to_be_hidden()


def test_the_question_of_an_open_blind_battle_is_not_told(page):
    page.fill("#bench-text textarea", "")
    listed(page, f"of {len(DEV)} questions")
    row = ANSWERABLE[0]
    page.get_by_role("tab", name="Arena").click()
    db = row["id"].split("-")[0]
    choose_database(page, db, next(each["question"] for each in ROWS if each["id"].startswith(db) and each["split"] == "arena"))
    ask(page, row["question"])
    expect(page.locator("#question textarea")).to_have_value(row["question"])
    show(page)
    shown = listed(page, "one is left out until you have voted on it in the arena", f"of {len(DEV) - 1} questions")
    assert row["question"] not in shown
    page.get_by_role("tab", name="Arena").click()
    vote(page, "both_bad")
    show(page)
    listed(page, f"of {len(DEV)} questions")


def test_levels_and_the_second_chart_are_switched(page):
    page.get_by_label("DuckDB-aware").check()
    page.wait_for_selector("#bench-said:has-text('DuckDB-aware')")
    page.get_by_label("Spider's rules").check()
    page.wait_for_selector("#bench-said:has-text('Spider difficulty')")
    for chart in ("How answers ended", "Execution accuracy by feature of the gold query", "Paired difference by difficulty"):
        choose(page, "#bench-chart", chart)
        page.wait_for_selector(f"#bench-said-2:has-text('{chart.split(' by ')[0]}')")
    page.click("#bench-numbers summary")
    expect(page.locator("#bench-numbers table:visible")).to_contain_text("easy")


def test_charts_and_runs_can_be_taken_along(page, server):
    name, image = saved(page, "#bench-png")
    assert name.endswith("-accuracy-spider.png")
    assert image.startswith(b"\x89PNG")
    name, image = saved(page, "#bench-svg-2")
    assert name.endswith("-paired-spider.svg")
    assert b"McNemar" in image
    name, rows = saved(page, "#bench-csv")
    run = name.removesuffix("-accuracy-spider.csv")
    shares = {(row["model"], row["level"]): row for row in csv.DictReader(rows.decode().splitlines())}
    assert shares[PAIR[0], "all"]["accuracy"] == "1.0"
    assert shares[PAIR[1], "all"]["n"] == str(len(ANSWERABLE))
    name, lines = saved(page, "#bench-jsonl")
    assert name == f"{run}.jsonl"
    assert lines == (server.data / "runs" / name).read_bytes()


def test_another_run_is_opened_and_compared(page):
    sampled(page)
    choose(page, "#bench-other", re.compile("quick sample"))
    page.wait_for_selector("#bench-changes article")
    told = page.inner_text("#bench-changes")
    assert told.count("Right only now: 0; right only before: 0.") == 2
    assert told.count("Regressions: right before, wrong now: none.") == 2
    choose(page, "#bench-pick", re.compile(f"UTC: {len(DEV)} dev questions, {', '.join(TITLES.values())}$"))
    page.wait_for_selector(f"#bench-where:has-text('of {len(DEV)} questions')")
    drawn(page, len(ANSWERABLE))
    expect(page.locator("#bench-said")).to_contain_text("Stored run of")


@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.long), "dark"])
def test_on_a_phone_nothing_is_wider_than_the_window(open_window, tmp_path, scheme):
    opened = open_window(390, 844, scheme)
    page = opened.page
    show(page)
    page.wait_for_selector("#bench-plot .main-svg")
    page.click("#bench-list button.opener >> nth=0")
    page.wait_for_selector("#bench-table-gold :is(.grid, .outcome)")
    check(page, tmp_path / "phone.png")
    assert not opened.errors


def test_a_closed_page_ends_its_run_and_gives_its_place_away(browser, server, page):
    other = another(browser, server)
    other.click("#bench-options button")
    other.get_by_label("test: for figures that are published").check()
    other.wait_for_selector("#bench-estimate:has-text('20 test questions')")
    server.allow(5)
    other.click("#bench-full")
    other.click("#bench-start:visible")
    other.wait_for_selector("#bench-head h2:has-text('Live run')")
    page.click("#bench-quick")
    page.wait_for_selector("#bench-progress:has-text('Waiting for a place')")
    expect(other.locator("#bench-progress")).to_contain_text("Running")
    other.context.close()
    page.wait_for_selector("#bench-progress:has-text('Done: 40 of 40 answers')")  # all were written before
    server.allow()
    newest = list((server.data / "runs").glob("*-test-*.jsonl"))
    size = newest[0].stat().st_size
    time.sleep(1)
    assert newest[0].stat().st_size == size
    assert len(newest[0].read_bytes().splitlines()) < sum(row["split"] == "test" for row in ROWS) * 2


def test_a_page_has_one_run_at_a_time_and_sees_only_stored_runs(server):
    page = RawPage(server.url)
    begin = page.handlers("bench-quick")[0]
    page.call(begin)
    assert "Waiting for a place" in page.shown["bench-progress"]
    page.call(begin)
    assert "A run of this page is at work" in page.shown["bench-progress"]
    stranger = RawPage(server.url)
    stranger.call(stranger.handlers("bench-cancel")[0])
    assert "Nothing is running." in stranger.shown["bench-progress"]
    stranger.values["bench-models"] = []
    stranger.call(stranger.handlers("bench-quick")[0])
    assert "Choose at least one contestant" in stranger.shown["bench-progress"]
