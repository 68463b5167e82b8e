"""How models write can be chosen where a model's publisher says it, and the page says how full a prompt's context is."""

from dataclasses import replace
from types import SimpleNamespace

import gradio as gr

from nl2sql_arena.services import Profile
from nl2sql_arena.types import Generation
from nl2sql_arena.ui.arena import BLIND, OPEN, ArenaTab
from nl2sql_arena.ui.benchmark import html
from nl2sql_arena.ui.sessions import Sessions
from tests.ui.script import PAIR, PLAIN
from tests.use_cases.judged import result, stored

PAGE = SimpleNamespace(session_hash="me")


def tab(services, beams):
    cards = dict(services.cards) | {PAIR[0]: replace(services.cards[PAIR[0]], published_beams=beams)}
    changed = replace(services, cards=cards, engine=services.engine.under(cards))
    with gr.Blocks():
        return ArenaTab(changed, Profile("mini", PAIR, PAIR, "a test machine"), Sessions(), 1, streams=True)


def asked(page, mode, decoding):
    for _ in page.on_ask(PLAIN, "shop", *PAIR, mode, decoding, None, PAGE):
        pass
    return page.sessions.of("me").round


def test_a_choice_of_decodings_is_offered_only_where_there_is_one(services):
    assert not tab(services, 1).decoding.visible
    page = tab(services, 4)
    assert page.decoding.visible
    assert page.decoding.value == "greedy"


def test_the_chosen_decoding_reaches_the_models(services):
    page = tab(services, 4)
    battle = asked(page, OPEN, "card").battle
    assert {answer.model: answer.beams for answer in (battle.a, battle.b)} == {PAIR[0]: 4, PAIR[1]: 1}
    assert asked(page, OPEN, "greedy").battle.a.beams == 1
    assert "no decoding 'sampled'" in asked(page, OPEN, "sampled").failure


def test_how_full_a_context_is_waits_for_the_names(services):
    page = tab(services, 1)
    blind = asked(page, BLIND, "greedy").battle
    shown = page.on_results(PAGE)
    assert blind.a.completion.prompt_tokens > 0
    assert "of 16,384 tokens" not in shown[page.sides.a.table] + shown[page.sides.b.table]
    asked(page, OPEN, "greedy")
    shown = page.on_results(PAGE)
    assert "Prompt: " in shown[page.sides.a.table]
    assert "of 16,384 tokens" in shown[page.sides.b.table]


def test_a_stored_run_says_which_contestant_decoded_with_beams():
    run = stored(result("one", 1, True), result("two", 1, True))
    first, second = run.measured.contestants
    contestants = (replace(first, generation=Generation(100, 4)), replace(second, generation=Generation(100, 1)))
    shown = html.contestants(replace(run, measured=replace(run.measured, contestants=contestants)), True)
    assert shown.count("4 beams") == 1
    assert f"{first.precision}, 4 beams" in shown
