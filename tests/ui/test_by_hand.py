"""A page without any model: databases, SQL, votes and stored runs are still there, and the page says why nothing answers."""

from dataclasses import replace

import pytest

from nl2sql_arena import settings, ui
from nl2sql_arena.services import choose_profile, open_services
from nl2sql_arena.ui.by_hand import LONGEST, ByHand
from nl2sql_arena.ui.sessions import Sessions
from tests.scripted_model import write_scripted
from tests.ui.raw_page import RawPage
from tests.ui.script import SAMPLE_DBS


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    """Two databases and an empty folder of models."""
    home = tmp_path_factory.mktemp("nothing")
    (home / "models").mkdir()
    (home / "sample_dbs").mkdir()
    for name in ("shop", "clinic"):
        (home / "sample_dbs" / name).symlink_to(SAMPLE_DBS / name)
    folders = {"data": home / "data", "models": home / "models", "sample_dbs": home / "sample_dbs"}
    opened = open_services(replace(settings.load({}), **folders, workers=1))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def page(services):
    """The page on a server of its own, as anybody sees it."""
    demo = ui.build_app(services, choose_profile(services, False, "CPU (x86_64, 2 cores)"))
    _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, **ui.launch_options())
    yield RawPage(url.rstrip("/"))
    demo.close()


def test_the_banner_says_that_nothing_runs_why_and_what_works(page):
    header = page.values["header"]
    assert "No model is running here." in header
    assert "Databases, SQL of your own, votes and stored runs work without one." in header
    assert "The folder of models has no card of mini-p-lora and mini-l; restore it or choose others." in header
    assert "not loaded" not in header


def test_every_tab_is_there(page):
    labels = [each["props"]["label"] for each in page.config["components"] if each["type"] == "tabitem"]
    assert labels == list(ui.TABS)


def test_without_a_card_the_arena_says_that_nobody_can_be_asked(page):
    assert "There is nobody to ask." in page.values["nobody"]
    assert "ask" not in page.values


def test_a_database_can_be_looked_at_and_asked(page):
    page.values |= {"by-hand-db": "shop", "by-hand-sql": "SELECT COUNT(*) AS rides FROM orders"}
    page.click("by-hand-run")
    assert "rides" in page.shown["by-hand-table"]
    assert "1 row" in page.shown["by-hand-table"]
    page.values["by-hand-db"] = "clinic"
    for handler in page.handlers("by-hand-db", "change"):
        page.call(handler)
    assert "patient" in page.shown["by-hand-schema"]
    assert page.shown["by-hand-table"] == ""
    page.click("by-hand-run")
    assert "<table" in page.shown["by-hand-table"], "the query that it starts with runs"


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (" ", "The query is empty; write one."),
        ("x" * (LONGEST + 1), "write at most 20,000"),
        ("DROP TABLE orders", "read"),
        ("SELECT nothing FROM nowhere", "nowhere"),
    ],
)
def test_what_cannot_run_is_said(services, sql, said):
    with ui.gr.Blocks():
        tab = ByHand(services, Sessions())
    assert said in tab.on_run("shop", sql)


def test_votes_and_stored_runs_open(page):
    page.click("refresh")
    assert "No votes here yet" in page.shown["leaderboard"]
    (tab,) = [each["id"] for each in page.config["components"] if each["type"] == "tabitem" and each["props"]["label"] == "Benchmark"]
    page.names[tab] = "the-benchmark-tab"
    for handler in page.handlers("the-benchmark-tab", "select"):
        page.call(handler)
    assert page.shown["bench-head"]


def test_models_that_cannot_be_loaded_are_named_and_asked_again(services, tmp_path):
    for name in ("mini-l", "mini-p-lora"):
        write_scripted(tmp_path, name, None)
    opened = open_services(replace(services.settings, models=tmp_path))
    demo = ui.build_app(opened, choose_profile(opened, False, "CPU"))
    try:
        _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, **ui.launch_options())
        page = RawPage(url.rstrip("/"))
        assert "No model is running here." in page.values["header"]
        assert "mini-p-lora" in page.values["header"]
        page.ask("How many customers are there?")
        assert "write a JSON object" in page.shown["status"]
        for name in ("mini-l", "mini-p-lora"):
            write_scripted(tmp_path, name, {"How many customers are there?": "SELECT COUNT(*) FROM customers"})
        page.ask("How many customers are there?")
        assert "Vote below the results." in page.shown["status"], "a model that came later answers"
    finally:
        demo.close()
        opened.close()
