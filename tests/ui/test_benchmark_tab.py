"""The Benchmark tab in Chromium: run a sample, watch it fill, cancel and resume, filter, open a question, go on in the arena."""

import csv
import json
import re
import time

import pytest

from tests.ui.looks import READABLE, UNNAMED, overflow
from tests.ui.raw_page import RawPage
from tests.ui.script import PAIR, ROWS, TITLES

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
    page.get_by_role("tab", name="Benchmark").click()
    page.wait_for_selector("#bench-estimate .rows")


def choose(page, part, option):
    page.click(f"{part} input")
    page.get_by_role("option", name=option).click()


def sampled(page):
    """Run a quick sample to its end."""
    page.click("#bench-quick")
    page.wait_for_selector("#bench-progress:has-text('Done: 40 of 40 answers')")
    page.wait_for_selector("#bench-quick:visible")


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
    assert "No run is stored yet" in page.inner_text("#bench-head")
    assert "Quick sample: 20 dev questions to 2 contestants; how long that takes here is not known yet." in page.inner_text(
        "#bench-estimate"
    )
    assert not page.locator("#bench-body").is_visible()
    assert not page.locator("#bench-resume").is_visible()
    page.screenshot(path=tmp_path / "empty.png", full_page=True)
    assert page.evaluate(READABLE) == []


def test_a_quick_sample_is_drawn_kept_and_what_the_next_page_opens_on(page, browser, server, tmp_path):
    sampled(page)
    page.wait_for_selector("#bench-said:has-text('Stored run of')")
    assert page.evaluate(N_IN_PLOT) == 20
    heights = page.evaluate("document.querySelector('#bench-plot .js-plotly-plot').data.filter((e) => e.type === 'bar').map((e) => e.y[0])")
    assert heights == [100, 0]
    colours = page.evaluate("document.querySelector('#bench-plot .js-plotly-plot').data[0].marker.color")
    assert {colour.replace(" ", "") for colour in colours} == {"rgba(0,0,0,0)"}, "fewer than 100 questions are drawn hollow"
    head = page.inner_text("#bench-head")
    assert "20 dev questions, a sample stratified over levels and databases" in head
    assert "prompt phi2-sql" in head
    assert "Practice models" in head
    assert "dev questions, which are for development" in page.inner_text("#bench-contestants")
    assert "from 2 schemas" in page.inner_text("#bench-contestants")
    page.screenshot(path=tmp_path / "sample.png", full_page=True)
    assert overflow(page) <= 0
    assert page.evaluate(READABLE) == []
    assert page.evaluate(UNNAMED) == []

    kept = re.search(r"Kept as (\S+)\.", page.inner_text("#bench-progress"))[1]
    lines = (server.data / "runs" / f"{kept}.jsonl").read_text().splitlines()
    assert len(lines) == 41
    other = browser.new_context().new_page()
    other.goto(server.url)
    other.wait_for_selector("#ask:not([disabled])")
    show(other)
    title = page.inner_text("#bench-head h2")
    assert title.startswith("Stored run of ")
    other.wait_for_selector(f"#bench-head h2:has-text('{title}')")
    other.wait_for_selector("#bench-said:has-text('Stored run of')")
    assert re.search(r"about \d+ \w+ by earlier runs here", other.inner_text("#bench-estimate"))
    other.context.close()


def test_a_full_run_asks_first_fills_is_cancelled_and_resumed(page, server, tmp_path):
    page.click("#bench-full")
    page.wait_for_selector("#bench-start:visible")
    assert f"All {len(DEV)} dev questions to 2 contestants are {2 * len(DEV)} answers" in page.inner_text("#bench-confirm")
    page.click("#bench-not-now")
    page.wait_for_selector("#bench-confirm", state="hidden")
    page.click("#bench-full")
    page.click("#bench-start")
    page.wait_for_selector("#bench-head h2:has-text('Live run')")
    page.wait_for_function(f"() => ({N_IN_PLOT})() > 0")
    first = page.evaluate(N_IN_PLOT)
    page.wait_for_function(f"first => ({N_IN_PLOT})() > first", arg=first)
    assert page.inner_text("#bench-said").split("\n")[-1].startswith("Live: ")
    page.screenshot(path=tmp_path / "live.png")
    page.click("#bench-cancel")
    page.wait_for_selector("#bench-progress:has-text('Cancelled:')")
    page.wait_for_selector("#bench-resume:visible")
    done, total = map(int, re.search(r"(\d+) of (\d+)", page.inner_text("#bench-progress")).groups())
    assert 0 < done < total == 2 * len(DEV)
    assert page.inner_text("#bench-head h2").startswith(f"Unfinished run ({done} of {total} answers)")

    page.click("#bench-resume")
    page.wait_for_selector(f"#bench-progress:has-text('Done: {total} of {total} answers')")
    assert f"{done} of them were written before and come from the run log." in page.inner_text("#bench-progress")
    page.wait_for_selector("#bench-head h2:has-text('Stored run')")
    assert not page.locator("#bench-resume").is_visible()
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
    choose(page, "#bench-verdict", "Both right")
    listed(page, f"1 to {unanswerable} of {unanswerable} questions")
    choose(page, "#bench-verdict", "All verdicts")
    choose(page, "#bench-level", "unanswerable")
    listed(page, f"1 to {unanswerable} of {unanswerable} questions")
    choose(page, "#bench-level", "All levels")
    choose(page, "#bench-db", "clinic")
    clinic = sum(row["id"].startswith("clinic") for row in DEV)
    listed(page, f"of {clinic} questions")
    choose(page, "#bench-feature", "group")
    listed(page, "of")
    page.wait_for_function(f"() => !document.querySelector('#bench-where').innerText.includes('of {clinic} ')")
    choose(page, "#bench-feature", "All features")
    row = next(row for row in DEV if row["id"].startswith("clinic"))
    page.fill("#bench-text textarea", row["question"].upper())
    assert listed(page, "1 to 1 of 1 questions") == [row["question"]]
    page.screenshot(path=tmp_path / "filtered.png", full_page=True)
    page.fill("#bench-text textarea", "")
    choose(page, "#bench-db", "All databases")
    listed(page, f"of {len(DEV)} questions")


def test_an_opened_question_shows_why_and_goes_on_in_the_arena(page, tmp_path):
    row = next(row for row in ANSWERABLE if row["id"].startswith("shop") and "GROUP BY" in row["gold_sql"][0])
    page.fill("#bench-text textarea", row["question"])
    listed(page, "1 to 1 of 1 questions")
    page.click("#bench-list button.opener")
    page.wait_for_selector("#bench-table-a table")
    assert row["question"] in page.inner_text("#bench-asked")
    assert "by Spider's rules" in page.inner_text("#bench-asked")
    assert page.inner_text("#bench-table-gold table") == page.inner_text("#bench-table-a table")
    assert "Right: the same table" in page.inner_text("#bench-title-a")
    assert "Wrong: no query where the tables can answer" in page.inner_text("#bench-title-b")
    assert "GROUP BY" in page.inner_text("#bench-sql-gold .cm-content")
    assert "GROUP BY" in page.inner_text("#bench-sql-a .cm-content")
    assert "Changed before running" in page.inner_text("#bench-facts-a")
    names = page.locator("#bench-detail .cm-content").evaluate_all("all => all.map((each) => each.ariaLabel)")
    assert names == ["Gold query", "SQL of contestant A", "SQL of contestant B"]
    page.screenshot(path=tmp_path / "opened.png", full_page=True)
    assert overflow(page) <= 0
    assert page.evaluate(READABLE) == []
    page.click("#bench-to-arena")
    page.wait_for_selector("#question textarea:visible")
    page.wait_for_function("text => document.querySelector('#question textarea').value === text", arg=row["question"])
    page.wait_for_function("document.querySelector('#db input').value === 'shop'")
    assert "open mode" in page.inner_text("#status")
    page.click("#ask")
    page.wait_for_selector("#vote-tie:not([disabled])")
    assert {TITLES[name] in page.inner_text("#title-a") + page.inner_text("#title-b") for name in PAIR} == {True}
    page.click("#vote-tie")
    page.wait_for_selector("#reveal .recorded")
    page.get_by_role("button", name="Contestants and mode").click()
    page.get_by_label("Blind: names after the vote").check()
    page.get_by_role("button", name="Contestants and mode").click()
    show(page)
    assert page.locator("#bench-detail").is_visible(), "what was open is so still"
    page.click("#bench-close")
    page.wait_for_selector("#bench-detail", state="hidden")


def test_the_question_of_an_open_blind_battle_is_not_told(page):
    page.fill("#bench-text textarea", "")
    listed(page, f"of {len(DEV)} questions")
    row = ANSWERABLE[0]
    page.get_by_role("tab", name="Arena").click()
    if page.input_value("#db input") != row["id"].split("-")[0]:
        with page.expect_response("**/run/predict"):  # it sets the question too
            choose(page, "#db", row["id"].split("-")[0])
    page.fill("#question textarea", row["question"])
    page.click("#ask")
    page.wait_for_selector("#vote-tie:not([disabled])")
    assert page.input_value("#question textarea") == row["question"]
    show(page)
    shown = listed(page, "one is left out until you have voted on it in the arena", f"of {len(DEV) - 1} questions")
    assert row["question"] not in shown
    page.get_by_role("tab", name="Arena").click()
    page.click("#vote-both_bad")
    page.wait_for_selector("#reveal .recorded")
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
    assert "easy" in page.inner_text("#bench-numbers table")


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
    page.wait_for_selector("#bench-said:has-text('Stored run of')")
    assert page.evaluate(N_IN_PLOT) == len(ANSWERABLE)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_is_wider_than_the_window(open_window, tmp_path, scheme):
    opened = open_window(390, 844, scheme)
    page = opened.page
    show(page)
    page.wait_for_selector("#bench-plot .main-svg")
    page.click("#bench-list button.opener >> nth=0")
    page.wait_for_selector("#bench-table-gold :is(.grid, .outcome)")
    page.screenshot(path=tmp_path / "phone.png", full_page=True)
    assert overflow(page) <= 0
    assert page.evaluate(READABLE) == []
    assert not opened.errors


def test_a_closed_page_ends_its_run_and_gives_its_place_away(browser, server, page):
    other = browser.new_context().new_page()
    other.goto(server.url)
    other.wait_for_selector("#ask:not([disabled])")
    show(other)
    other.click("#bench-options button")
    other.get_by_label("test: for figures that are published").check()
    other.wait_for_selector("#bench-estimate:has-text('20 test questions')")
    other.click("#bench-full")
    other.click("#bench-start:visible")
    other.wait_for_selector("#bench-head h2:has-text('Live run')")
    page.click("#bench-quick")
    page.wait_for_selector("#bench-progress:has-text('Waiting for a place')")
    assert other.locator("#bench-progress:has-text('Running')").count() == 1
    other.context.close()
    page.wait_for_selector("#bench-progress:has-text('Done: 40 of 40 answers')")
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
