"""Every tab of the page, built without a browser."""

from dataclasses import replace

import gradio as gr
import pytest

from nl2sql_arena import settings, ui
from nl2sql_arena.services import Profile, open_services
from nl2sql_arena.ui import about
from nl2sql_arena.ui.arena import ArenaTab
from nl2sql_arena.ui.sessions import Sessions
from tests.scripted_model import write_scripted
from tests.ui.script import ANSWERS, PAIR, SAMPLE_DBS, TITLES

QUIET = ("browserstate", "html", "markdown", "plot", "tab", "tabs", "row", "column", "form", "group", "accordion", "state", "timer")
"""Kinds of components that nobody fills in or presses."""


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """A function that builds the page, of all its tabs or of one, and returns what the browser is told of it."""
    home = tmp_path_factory.mktemp("tabs")
    for name in PAIR:
        write_scripted(home / "models", name, ANSWERS[name], title=TITLES[name])
    (home / "sample_dbs").mkdir()
    (home / "sample_dbs" / "shop").symlink_to(SAMPLE_DBS / "shop")
    folders = {"data": home / "data", "models": home / "models", "sample_dbs": home / "sample_dbs"}
    services = open_services(replace(settings.load({}), **folders, workers=1))
    profile = Profile("mini", PAIR, PAIR, "a test machine", ("scripted", "scripted"))

    def build(*names):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ui, "TABS", {name: ui.TABS[name] for name in names or ui.TABS})
            return ui.build_app(services, profile).config

    build.services, build.profile = services, profile
    yield build
    services.close()


def components(config, kind=None):
    return [each for each in config["components"] if kind in (None, each["type"])]


def under(branch):
    """Ids of everything inside a part of the layout."""
    return [name for child in branch.get("children", ()) for name in (child["id"], *under(child))]


def branch_of(branch, wanted):
    """The part of the layout with that id."""
    if branch.get("id") == wanted:
        return branch
    return next(filter(None, (branch_of(child, wanted) for child in branch.get("children", ()))), None)


def test_the_page_has_every_tab_in_order_under_its_name(build):
    assert [tab["props"]["label"] for tab in components(build(), "tabitem")] == list(ui.TABS)


def test_no_two_parts_of_the_page_share_a_name(build):
    named = [each["props"]["elem_id"] for each in components(build()) if each["props"].get("elem_id")]
    assert len(named) == len(set(named))


@pytest.mark.parametrize("name", ui.TABS)
def test_a_tab_stands_alone_and_each_of_its_controls_is_named(build, name):
    config = build(name)
    (tab,) = components(config, "tabitem")
    assert tab["props"]["label"] == name
    inside = set(under(branch_of(config["layout"], tab["id"])))
    parts = [each for each in components(config) if each["id"] in inside]
    assert any(each["props"].get("elem_id") for each in parts)
    controls = [each for each in parts if each["type"] not in QUIET]
    assert [each["type"] for each in controls if not (each["props"].get("label") or each["props"].get("value"))] == []


@pytest.mark.parametrize(
    ("learned", "expected"),
    [((), ""), (("shop",), ""), (("bank", "clinic"), "have learned only bank, clinic")],
)
def test_the_page_says_when_no_model_has_learned_the_database(build, learned, expected):
    cards = {name: replace(card, learned=learned, unlearned="2 of 9 right") for name, card in build.services.cards.items()}
    cards["floor"] = replace(next(iter(cards.values())), name="floor", kind="baseline", learned=())  # rules know no database, nor say so
    profile = replace(build.profile, models=(*build.profile.models, "floor"))
    with gr.Blocks():
        tab = ArenaTab(replace(build.services, cards=cards), profile, Sessions(), 1, streams=True)
    said = tab.on_db("shop", "")[tab.notice]
    assert (expected in said) if expected else said == ""
    assert said == tab.notice.value
    assert ("2 of 9 right" in said) == bool(expected)


def test_the_about_tab_names_the_page_s_own_models_first(build):
    ours, other = replace(build.profile, models=PAIR[1:]), PAIR[0]
    told = about._cards(build.services, ours)
    assert told.index(TITLES[PAIR[1]]) < told.index(TITLES[other])
    ours = replace(build.profile, models=PAIR[:1])
    told = about._cards(build.services, ours)
    assert told.index(TITLES[other]) < told.index(TITLES[PAIR[1]])
