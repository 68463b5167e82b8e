"""One battle: two answers, sides shuffled on the server, one vote that is kept."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from nl2sql_arena import arena
from nl2sql_arena.engine import Engine
from nl2sql_arena.errors import BadInput, BadVote, Infrastructure, ModelUnavailable
from nl2sql_arena.services import Profile, Services
from nl2sql_arena.types import Answer, Battle, Completion, GenerationRequest, ResultColumn, Value, Winner
from nl2sql_arena.votes.choosing import Offer
from nl2sql_arena.votes.consent import OWN, Consent

QUESTION = "How many customers live in Germany?"
PAIR = ("left", "right")


def ask(services: Services, profile: Profile, question: str = QUESTION, **changed: Any) -> arena.Ask:
    given: dict[str, Any] = {"db": "shop", "models": PAIR, "blind": True, "voter": "visitor"} | changed
    return arena.new_ask(services, profile, question, **given)


def fight(services: Services, profile: Profile, question: str = QUESTION, **changed: Any) -> Battle:
    battle = arena.fight(services, profile, ask(services, profile, question, **changed))
    arena.keep(services, battle, "visitor", Consent("questions"))
    return battle


def vote(services: Services, battle: Battle, winner: Winner, voter: str) -> None:
    """As the page does: the battle is kept, if it was not, and its token comes with the vote."""
    services.store.vote(battle.id, winner, voter, arena.keep(services, battle, voter))


def failing_once(services: Services, model: str) -> Services:
    """Services whose engine lets one model fail the first time it is asked, as a lost server would."""
    engine = Engine(services.cards, services.settings.models, services.databases, services.sandbox)
    whole, left = engine.generate, [model]

    def generate(requests: Sequence[GenerationRequest], *callbacks: Any) -> Iterator[Completion]:
        for request in requests:
            if request.model in left:
                left.remove(request.model)
                yield Completion(request.id, request.model, "", 0, 0, 0.0, 0.0, "stop", "The server went away; try again.")
            else:
                yield from whole([request], *callbacks)

    engine.generate = generate
    return replace(services, engine=engine)


def published(services: Services) -> Services:
    """Services of which one model's publisher decodes with 4 beams."""
    cards = dict(services.cards) | {"left": replace(services.cards["left"], published_beams=4)}
    return replace(services, cards=cards, engine=services.engine.under(cards))


def test_answers_as_the_cards_ask_are_another_contestants(services: Services, profile: Profile) -> None:
    both = published(services)
    battle = fight(both, profile, blind=False, decoding="card")
    assert (battle.a.beams, battle.b.beams) == (4, 1)
    vote(both, battle, "model_a", "visitor")
    greedy = fight(both, profile, blind=False)
    assert (greedy.a.beams, greedy.b.beams) == (1, 1)
    vote(both, greedy, "model_a", "visitor")
    revisions = {vote["id"]: vote["revision_a"] for vote in services.store.votes()}
    assert revisions == {battle.id: f"{services.revision('left')} with 4 beams", greedy.id: services.revision("left")}


def test_a_side_that_is_tried_again_decodes_as_before(services: Services, profile: Profile) -> None:
    failing = published(failing_once(services, "left"))
    again = arena.retry(failing, fight(failing, profile, blind=False, decoding="card"), decoding="card")
    assert again.a.outcome == "ok"
    assert again.a.beams == 4


def test_a_decoding_that_there_is_not_is_refused(services: Services, profile: Profile) -> None:
    with pytest.raises(BadInput, match="no decoding 'sampled'; choose one of greedy, card"):
        ask(services, profile, decoding="sampled")
    with pytest.raises(BadInput, match="no decoding 'sampled'; use one of greedy, card"):
        services.decoded("sampled")


def test_a_battle_is_two_answers_and_is_kept_before_it_is_shown(services: Services, profile: Profile) -> None:
    battle = fight(services, profile, "  " + QUESTION + "\n", blind=False)
    assert (battle.a.model, battle.b.model) == PAIR
    assert (battle.question, battle.db, battle.profile, battle.blind) == (QUESTION, "shop", "mini", False)
    assert battle.a.id == battle.b.id == battle.id
    assert arena.votable(battle)
    assert services.store.votes() == []
    vote(services, battle, "model_b", "visitor")
    (kept,) = services.store.votes()
    assert (kept["id"], kept["winner"], kept["model_a"], kept["model_b"]) == (battle.id, "model_b", *PAIR)
    assert (kept["question"], kept["chosen"], kept["split"], kept["profile"]) == (QUESTION, "typed", "", "mini")
    assert kept["prompt_a"] == battle.a.prompt.text
    assert (kept["outcome_a"], kept["sql_a"], kept["raw_b"]) == ("ok", battle.a.prepared.sql, battle.b.completion.text)
    assert kept["revision_a"] == services.revision("left")
    assert kept["db_content"] == services.databases["shop"].content != ""


def test_one_vote_a_battle_by_the_visitor_who_asked(services: Services, profile: Profile) -> None:
    battle = fight(services, profile)
    with pytest.raises(BadVote, match="not open for you"):
        vote(services, battle, "tie", "somebody else")
    vote(services, battle, "tie", "visitor")
    with pytest.raises(BadVote, match="already has its vote"):
        vote(services, battle, "model_a", "visitor")
    assert [vote["winner"] for vote in services.store.votes()] == ["tie"]


def test_blind_sides_are_shuffled_and_open_ones_are_not(services: Services, profile: Profile) -> None:
    blind = {ask(services, profile).models for _ in range(60)}
    assert blind == {PAIR, PAIR[::-1]}
    assert {ask(services, profile, blind=False).models for _ in range(20)} == {PAIR}


def test_a_shuffled_battle_keeps_each_side_with_its_own_words(services: Services, profile: Profile) -> None:
    battle = arena.fight(services, profile, replace(ask(services, profile, "Divide pieces by two"), models=PAIR[::-1]))
    arena.keep(services, battle, "visitor")
    assert (battle.a.model, battle.b.model) == ("right", "left")
    assert "//" in battle.a.prepared.sql
    vote(services, battle, "model_a", "visitor")
    assert services.store.votes()[0]["model_a"] == "right"


def test_a_models_own_failure_can_be_voted_on(services: Services, profile: Profile) -> None:
    for question in ("Throw everything away", "Give up in words", "Talk without end", "Use a table that is missing"):
        battle = fight(services, profile, question)
        assert arena.votable(battle)
        vote(services, battle, "both_bad", "visitor")
    assert len(services.store.votes()) == 4


@pytest.mark.parametrize("failed", PAIR)
def test_our_failure_blocks_the_vote_until_that_side_was_asked_again(services: Services, profile: Profile, failed: str) -> None:
    services = failing_once(services, failed)
    asked = ask(services, profile)
    battle = arena.fight(services, profile, asked)
    sides = {side.model: side for side in (battle.a, battle.b)}
    assert {model for model, side in sides.items() if side.outcome == "infrastructure"} == {failed}
    assert not arena.votable(battle)
    assert arena.verdict(battle) == "incomparable"
    with pytest.raises(BadVote):
        vote(services, battle, "model_a", "visitor")
    again = arena.retry(services, battle)
    arena.keep(services, again, "visitor")
    arena.keep(services, again, "visitor")
    assert arena.votable(again)
    assert (again.id, again.a.model, again.b.model) == (battle.id, battle.a.model, battle.b.model)
    other = next(model for model in PAIR if model != failed)
    assert {side.model: side for side in (again.a, again.b)}[other] is sides[other], "the side that had answered is not asked again"
    vote(services, again, "tie", "visitor")
    assert len(services.store.votes()) == 1
    with pytest.raises(Infrastructure, match="nothing to retry"):
        arena.retry(services, again)


def test_a_stopped_battle_is_not_kept_and_can_be_asked_again(services: Services, profile: Profile) -> None:
    asked = ask(services, profile)
    battle = arena.fight(services, profile, asked, cancelled=lambda: True)
    assert not arena.votable(battle)
    assert arena.votable(arena.retry(services, battle))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"models": ("left", "left")}, "two different models"),
        ({"models": ("left", "big-real")}, "'big-real' is not offered here; choose one of left, right"),
        ({"models": ("nobody", "right")}, "'nobody' is not offered here"),
        ({"db": "zoo"}, "no database 'zoo'"),
    ],
)
def test_what_cannot_be_asked_is_refused(services: Services, profile: Profile, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        ask(services, profile, **changed)


def test_a_bad_question_or_model_is_said_before_anything_is_kept(services: Services, profile: Profile) -> None:
    with pytest.raises(BadInput, match="empty"):
        fight(services, profile, "  ")
    with pytest.raises(BadInput, match=r"10,000 characters"):
        fight(services, profile, "x" * 10_000)
    with pytest.raises(ModelUnavailable):
        fight(services, profile, models=("left", "broken"))


def test_an_example_is_recognised_and_a_typed_question_keeps_its_split(services: Services, profile: Profile) -> None:
    arena_example = services.examples("shop", "arena")[0]
    dev_example, test_example = services.examples("shop", "dev")[0], services.examples("shop", "test")[0]
    chosen = fight(services, profile, arena_example.question)
    assert (chosen.example_id, chosen.split) == (arena_example.id, "arena")
    for example in (dev_example, test_example):
        typed = fight(services, profile, "¿" + example.question.upper().replace(" ", "  ") + "!!")
        assert (typed.example_id, typed.split) == ("", example.split)
    assert fight(services, profile, QUESTION).split == ""
    for battle in (chosen, typed):
        vote(services, battle, "tie", "visitor")
    assert [(each["chosen"], each["split"]) for each in services.store.votes()] == [("picked", "arena"), ("typed", "test")]


def test_a_typed_question_is_kept_by_consent_alone_and_an_example_always(services: Services, profile: Profile) -> None:
    example = services.examples("shop", "arena")[0]
    for question, expected in ((QUESTION, ""), (example.question, example.question)):
        battle = arena.fight(services, profile, ask(services, profile, question))
        arena.keep(services, battle, "visitor")
        kept = services.store.battle(battle.id) or {}
        assert (kept["question"], bool(kept["prompt_a"]), bool(kept["sql_b"])) == (expected, bool(expected), bool(expected))
        assert (kept["consent"], kept["outcome_a"]) == ("votes", battle.a.outcome)


def test_of_a_database_that_is_no_sample_by_content_nothing_but_hashes_is_kept(
    services: Services, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    battle = arena.fight(services, profile, ask(services, profile, services.examples("shop", "arena")[0].question))
    monkeypatch.setitem(vars(services.databases["shop"]), "content", "0123456789abcdef")
    arena.keep(services, battle, "visitor", Consent("questions"))
    kept = services.store.battle(battle.id) or {}
    assert (kept["db"], kept["question"], kept["example_id"], kept["sql_a"], kept["row_count_a"]) == (OWN, "", "", "", -1)
    assert kept["db_content"] == "0123456789abcdef"
    of_results = {
        name: kept[f"{name}_a"] for name in ("columns", "result_hash", "preview", "formatted", "error_kind", "truncated", "only_rows")
    }
    assert of_results == {
        "columns": "", "result_hash": "", "preview": "", "formatted": "", "error_kind": "", "truncated": None, "only_rows": -1,
    }  # fmt: skip


def kept_with(services: Services, battle: Battle) -> dict[str, Any]:
    """The row of a battle under a name that is not taken."""
    named = replace(battle, id=f"kept {len(services.store.battle_ids())}")
    arena.keep(services, named, "visitor", Consent("questions"))
    return services.store.battle(named.id) or {}


def test_a_kept_battle_says_what_each_result_was_and_what_the_other_lacks(services: Services, profile: Profile) -> None:
    battle = fight(services, profile)
    kept = kept_with(services, battle)
    assert (kept["decoding_a"], kept["beams_a"]) == ("greedy", 1)
    assert kept["max_new_tokens_a"] == services.cards["left"].generation.max_new_tokens
    assert kept["formatted_a"] == battle.a.prepared.formatted != battle.a.prepared.sql
    assert kept["result_hash_a"] == kept["result_hash_b"] != ""
    assert (kept["only_rows_a"], kept["only_rows_b"], kept["difference"]) == (0, 0, "same")
    assert [each["type"] for each in json.loads(kept["columns_a"])] == ["BIGINT"]
    assert json.loads(kept["preview_a"]) == [list(row) for row in battle.a.execution.rows]
    more = replace(battle, a=with_table(battle.a, (1,), (2,), (3,)), b=with_table(battle.b, (3,), (1,)))
    kept = kept_with(services, more)
    assert (kept["only_rows_a"], kept["only_rows_b"], kept["difference"]) == (1, 0, "different"), "A has all that B has and more"
    assert kept["result_hash_a"] != kept["result_hash_b"]
    turned = replace(battle, a=with_table(battle.a, (1,), (3,)), b=with_table(battle.b, (3,), (1,)))
    assert len({kept_with(services, turned)[f"result_hash_{side}"] for side in "ab"}) == 1
    failed = kept_with(services, fight(services, profile, "Use a table that is missing"))
    assert (failed["outcome_a"], failed["error_kind_a"], failed["result_hash_a"]) == ("error", "catalog", "")
    assert (failed["columns_a"], failed["only_rows_a"]) == ("", -1)
    mended = kept_with(services, fight(services, profile, "Explain it at length"))
    assert "words before the query removed; " in mended["repairs_a"]


def test_an_offer_is_heeded_for_its_own_question_and_a_control_has_its_sides_exchanged(services: Services, profile: Profile) -> None:
    example, other = services.examples("shop", "arena")[:2]
    drawn = Offer(example.id, "random")
    assert ask(services, profile, example.question, offer=drawn).chosen == "random"
    assert ask(services, profile, other.question, offer=drawn).chosen == ""
    assert ask(services, profile, QUESTION, offer=drawn).chosen == ""
    for before in (PAIR, PAIR[::-1]):
        again = Offer(example.id, "control", before)
        asked = [ask(services, profile, example.question, offer=again) for _ in range(8)]
        assert {(each.models, each.chosen) for each in asked} == {((before[1], before[0]), "control")}
        assert ask(services, profile, example.question, offer=again, blind=False).chosen == ""
        assert ask(services, profile, example.question, offer=again, models=("left", "small")).chosen == ""


def with_table(answer: Answer, *rows: tuple[Value, ...], **changed: Any) -> Answer:
    columns = tuple(ResultColumn(f"c{i}", "INTEGER") for i in range(len(rows[0])))
    return replace(answer, execution=replace(answer.execution, outcome="ok", columns=columns, rows=rows, row_count=len(rows), **changed))


def test_the_verdict_says_in_one_word_how_the_results_differ(services: Services, profile: Profile) -> None:
    battle = fight(services, profile)
    assert arena.verdict(battle) == "same"
    table = with_table(battle.a, (1,), (2,))
    assert arena.verdict(replace(battle, a=table, b=with_table(battle.b, (2,), (1,)))) == "order"
    assert arena.verdict(replace(battle, a=table, b=with_table(battle.b, (2,), (3,)))) == "different"
    assert arena.verdict(replace(battle, a=table, b=with_table(battle.b, (1,), (2,), truncated=True))) == "too_long"
    assert arena.verdict(fight(services, profile, "Throw everything away")) == "incomparable"
    assert arena.verdict(fight(services, profile, "Who lives on the moon?")) == "same"
