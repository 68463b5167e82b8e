import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nl2sql_arena.errors import BadInput
from nl2sql_arena.votes.ballots import CONTROL, Ballot, swapped
from nl2sql_arena.votes.rating import Board, Rating, board
from tests.ballot_boxes import ALPHA, BETA, DELTA, GAMMA, MODELS, ballot, ballots, boxes, finite, renamed

FLAT = 1e4
"""A prior this wide is none."""


def cycle(voters: int = 12) -> list[Ballot]:
    """Alpha over Beta over Gamma, not without contradiction and ties, by voters of unlike diligence."""
    rng = np.random.default_rng(5)
    box = []
    for number in range(voters):
        for a, b, chances in ((ALPHA, BETA, (0.5, 0.25)), (BETA, GAMMA, (0.5, 0.25)), (GAMMA, ALPHA, (0.2, 0.6))):
            for _ in range(rng.integers(1, 5)):
                winner = rng.choice(["model_a", "model_b", "tie"], p=[*chances, 1 - sum(chances)])
                box.append(ballot(str(winner), a, b, f"voter{number}"))  # type: ignore[arg-type]
    return box


def rated(found: Board) -> dict[str, Rating]:
    return {each.model: each for ladder in found.ladders for each in ladder.ratings}


def test_two_models_without_prior_are_their_odds_and_their_tie_rate() -> None:
    """Sixty wins and forty losses are odds of 3 to 2; Davidson's tie parameter is ties over the root of wins times losses."""
    (ladder,) = board(ballots(60, 40, 30), draws=20, prior_sd=FLAT).ladders
    first, second = ladder.ratings
    assert (first.model, second.model) == (ALPHA, BETA)
    assert first.strength - second.strength == pytest.approx(math.log(60 / 40), abs=1e-6)
    tie = 30 / math.sqrt(60 * 40)
    assert ladder.tie_rate == pytest.approx(tie / (2 + tie), abs=1e-6)
    assert first.points == pytest.approx(1000 + 400 * math.log10(1.5) / 2, abs=1e-3)


def test_it_agrees_with_evalica() -> None:
    """On a set where nobody won everything: with ties against Newman's algorithm (the same model with half the tie parameter), without
    against Bradley and Terry's.
    """
    import evalica

    box = cycle()
    winners = {"model_a": evalica.Winner.X, "model_b": evalica.Winner.Y, "tie": evalica.Winner.Draw}
    for votes, theirs in ((box, evalica.newman), ([each for each in box if each.winner != "tie"], evalica.bradley_terry)):
        rows = [(each.model_a, each.model_b, winners[each.winner]) for each in votes]
        scores = theirs(*zip(*rows, strict=True), tolerance=1e-12, limit=10_000).scores
        ours = rated(board(votes, draws=20, prior_sd=FLAT))
        for model in (BETA, GAMMA):
            expected = math.log(scores[ALPHA] / scores[model])
            assert ours[ALPHA].strength - ours[model].strength == pytest.approx(expected, abs=1e-4)


def test_the_prior_hardly_moves_what_votes_say() -> None:
    with_prior, without = rated(board(cycle(), draws=20)), rated(board(cycle(), draws=20, prior_sd=FLAT))
    for model in (ALPHA, BETA, GAMMA):
        assert with_prior[model].strength == pytest.approx(without[model].strength, abs=0.03)


def test_who_won_everything_has_a_finite_place_that_is_marked() -> None:
    box = [vote for n in range(5) for vote in [*ballots(2, 0, voter=f"v{n}"), *ballots(2, 0, a=ALPHA, b=GAMMA, voter=f"v{n}")]]
    box += [vote for n in range(5) for vote in ballots(1, 1, 1, a=BETA, b=GAMMA, voter=f"v{n}")]
    found = rated(board(box, draws=200))
    assert {model: each.held_by_prior for model, each in found.items()} == {ALPHA: True, BETA: False, GAMMA: False}
    assert found[ALPHA].strength > found[BETA].strength
    assert found[BETA].strength == pytest.approx(found[GAMMA].strength)
    assert (found[ALPHA].best, found[ALPHA].worst, found[BETA].best, found[BETA].worst) == (1, 1, 2, 3)
    low, high = found[ALPHA].low, found[ALPHA].high
    assert low is not None
    assert high is not None
    assert 1 < high - low < 10


def test_ten_to_nothing_is_no_tie_and_no_interval_of_width_zero() -> None:
    (ladder,) = board([ballot("model_a", voter=f"v{n}") for n in range(10)]).ladders
    first, second = ladder.ratings
    assert first.strength - second.strength > 1
    assert first.low is not None
    assert first.low < first.strength - 0.3
    assert first.held_by_prior
    assert second.held_by_prior


def test_all_ties_are_one_rank() -> None:
    box = [ballot("tie", a, b, f"v{n}") for n in range(8) for a, b in ((ALPHA, BETA), (BETA, GAMMA))]
    found = rated(board(box, draws=200))
    assert {round(each.strength, 9) for each in found.values()} == {0.0}
    assert {(each.best, each.worst) for each in found.values()} == {(1, 3)}


def test_one_voter_gives_an_order_and_no_interval() -> None:
    found = rated(board([*ballots(5, 1), *ballots(5, 1, a=BETA, b=GAMMA)]))
    assert found[ALPHA].strength > found[BETA].strength > found[GAMMA].strength
    assert {(each.low, each.high, each.best, each.worst) for each in found.values()} == {(None, None, 1, 3)}


def test_models_that_no_votes_link_are_never_compared() -> None:
    found = board([*ballots(6, 3), *ballots(1, 2, a=GAMMA, b=DELTA), *ballots(0, 0, 0, 3, a="eta@1", b=ALPHA)], draws=50)
    assert [[each.model for each in ladder.ratings] for ladder in found.ladders] == [[ALPHA, BETA], [DELTA, GAMMA]]
    assert (found.unrated, found.both_bad) == (("eta@1",), 3)
    assert [sum(each.strength for each in ladder.ratings) for ladder in found.ladders] == pytest.approx([0, 0])


def test_two_revisions_are_two_models() -> None:
    found = rated(board([*ballots(5, 1), *ballots(1, 5, a="alpha@2")], draws=50))
    assert found["alpha@2"].strength < found[BETA].strength < found[ALPHA].strength
    assert (found[ALPHA].votes, found["alpha@2"].votes, found[BETA].votes) == (6, 6, 12)


@pytest.mark.parametrize("other", [{"kind": "mini"}, {"blind": False}])
def test_kinds_are_never_on_one_board(other: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="never in one figure"):
        board([*ballots(1, 0), *ballots(1, 0, **other)])


@pytest.mark.parametrize("prior_sd", [0.0, -1.0, math.inf, math.nan])
def test_a_prior_that_keeps_nothing_finite_is_refused(prior_sd: float) -> None:
    with pytest.raises(BadInput, match="positive number"):
        board(ballots(1, 0), prior_sd=prior_sd)


def test_no_votes_make_no_ladder() -> None:
    assert board([]) == Board((), (), 0)
    assert board([*ballots(3, 0, chosen=CONTROL), *ballots(3, 0, same_result=True)]) == Board((), (), 0)


def test_a_heavy_voter_widens_the_interval() -> None:
    """The same 60 votes by 30 voters, and with the 20 for Alpha all from one of eleven."""
    even = [vote for n in range(20) for vote in ballots(1, 1, voter=f"v{n}")] + [ballot("model_a", voter=f"w{n}") for n in range(20)]
    heavy = [vote for n in range(10) for vote in ballots(2, 2, voter=f"v{n}")] + ballots(20, 0, voter="fan")
    many, few = rated(board(even))[ALPHA], rated(board(heavy))[ALPHA]
    assert many.strength == few.strength
    assert many.low is not None
    assert few.low is not None
    assert many.low > 0 > few.low
    assert (many.worst, few.worst) == (1, 2)


def test_the_same_seed_gives_the_same_board() -> None:
    assert board(cycle(), draws=50) == board(cycle(), draws=50)
    assert board(cycle(), draws=50, seed=1) != board(cycle(), draws=50, seed=2)


def hits(runs: int, voters: int, draws: int) -> float:
    """The part of seeded polls in which the interval of Alpha holds its true strength, voters differing in taste."""
    truth = np.array([0.6, 0.0, -0.6])
    held = 0
    for run in range(runs):
        rng = np.random.default_rng(run)
        box = []
        for number in range(voters):
            taste = truth + rng.normal(0, 0.5, 3)
            for _ in range(rng.integers(2, 15)):
                i, j = rng.permutation(3)[:2]
                weights = np.array([math.exp((taste[i] - taste[j]) / 2), math.exp((taste[j] - taste[i]) / 2), 0.6])
                winner = rng.choice(["model_a", "model_b", "tie"], p=weights / weights.sum())
                box.append(ballot(str(winner), MODELS[i], MODELS[j], f"v{number}"))  # type: ignore[arg-type]
        found = rated(board(box, draws=draws))[ALPHA]
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.6 <= found.high
    return held / runs


def test_the_true_strength_is_inside_nearly_always() -> None:
    assert hits(60, 15, 200) >= 0.9


@pytest.mark.long
def test_the_true_strength_is_inside_nineteen_times_of_twenty() -> None:
    assert 0.92 <= hits(600, 15, 400) <= 0.99


@settings(max_examples=30)
@given(boxes(MODELS), st.data())
def test_neither_sides_nor_order_change_a_board(box: list[Ballot], data: st.DataObject) -> None:
    flips = data.draw(st.lists(st.booleans(), min_size=len(box), max_size=len(box)))
    changed = data.draw(st.permutations([swapped(each) if flip else each for each, flip in zip(box, flips, strict=True)]))
    assert board(changed, draws=20) == board(box, draws=20)


@settings(max_examples=30)
@given(boxes(MODELS))
def test_names_do_not_change_strengths(box: list[Ballot]) -> None:
    names = dict(zip(MODELS, ("zeta@1", "eta@1", "epsilon@1", "iota@1"), strict=True))
    before, after = rated(board(box, draws=20)), rated(board(renamed(box, names), draws=20))
    assert {names[model] for model in before} == set(after)
    for model, mine in before.items():
        theirs = after[names[model]]
        assert theirs.strength == pytest.approx(mine.strength, abs=1e-8)
        assert (theirs.wins, theirs.losses, theirs.ties, theirs.held_by_prior) == (mine.wins, mine.losses, mine.ties, mine.held_by_prior)


@settings(max_examples=30)
@given(boxes(MODELS))
def test_every_number_is_finite_and_every_interval_holds_its_strength(box: list[Ballot]) -> None:
    found = board(box, draws=20)
    assert finite(found)
    for ladder in found.ladders:
        assert sum(each.strength for each in ladder.ratings) == pytest.approx(0, abs=1e-8)
        assert 2 * ladder.votes == sum(each.votes for each in ladder.ratings)
        for each in ladder.ratings:
            assert (each.low is None) == (ladder.voters == 1)
            assert 1 <= each.best <= each.worst <= len(ladder.ratings)
            if each.low is not None and each.high is not None:
                assert each.low < each.strength < each.high


def test_a_thousand_wins_are_finite() -> None:
    (ladder,) = board([vote for n in range(20) for vote in ballots(500, 0, voter=f"v{n}")], draws=50).ladders
    assert finite(ladder)
    assert 5 < ladder.ratings[0].strength - ladder.ratings[1].strength < 20
