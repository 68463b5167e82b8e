"""Before a question goes to another host, the page names it and asks."""

from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import pytest

from nl2sql_arena.services import Profile
from nl2sql_arena.types import Execution, Server
from nl2sql_arena.ui.arena import CONSENT, OPEN, ArenaTab
from nl2sql_arena.ui.sessions import Sessions
from tests.ui.script import PAIR, PLAIN, TITLES

PAGE = SimpleNamespace(session_hash="me")
FAR, HERE = Server("https://models.example.org/v1", "m"), Server("http://127.0.0.1:8080/v1", "m")


def tab(services, server, **fields):
    """The tab with the first of the pair on a server; its words are scripted all the same."""
    cards = dict(services.cards)
    cards[PAIR[0]] = replace(cards[PAIR[0]], server=server, **fields)
    with gr.Blocks():
        return ArenaTab(replace(services, cards=cards), Profile("mini", PAIR, PAIR, "a test machine"), Sessions(), 1, streams=True)


def ask(page):
    for _ in page.on_ask(PLAIN, "shop", *PAIR, OPEN, "greedy", None, PAGE):
        pass
    return page.sessions.of("me").round


def test_the_host_is_named_and_nothing_goes_there_unasked(services):
    page = tab(services, FAR)
    notice = page.notice.value
    assert "models.example.org" in notice
    assert TITLES[PAIR[0]] in notice
    assert "stored values" not in notice
    assert page.consent.label == CONSENT
    refused = ask(page)
    assert refused.battle is None
    assert "models.example.org" in refused.failure
    page.on_consent(True, PAGE)
    assert ask(page).battle
    page.on_consent(False, PAGE)
    assert ask(page).battle is None


def test_a_prompt_with_stored_values_says_so(services):
    assert "stored values that a question names" in tab(services, FAR, format="mini-linked").notice.value


@pytest.mark.parametrize("server", [HERE, None])
def test_what_stays_on_this_machine_needs_no_leave(services, server):
    page = tab(services, server)
    assert page.notice.value == ""
    assert page.consent is None
    assert ask(page).battle


def test_a_blind_side_does_not_show_what_its_server_says(services):
    page = tab(services, FAR)
    page.on_consent(True, PAGE)
    asked = ask(page)
    failed = Execution("infrastructure", message="The server models.example.org has no model m.")
    a, b = (replace(side, execution=failed) if side.model == PAIR[0] else side for side in (asked.battle.a, asked.battle.b))
    shown = {}
    for blind in (True, False):
        asked.battle = replace(asked.battle, a=a, b=b, blind=blind)
        update = page.on_results(PAGE)
        shown[blind] = update[page.sides.a.table] + update[page.sides.b.table]
    assert "models.example.org" not in shown[True]
    assert "This side failed on our account" in shown[True]
    assert "models.example.org" in shown[False]
