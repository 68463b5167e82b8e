"""The time that a run still takes."""

import pytest

from nl2sql_arena.benchmark.eta import ENOUGH, LATEST, Eta


@pytest.fixture
def noted():
    """Note answers at these moments (s); what is left as of the last."""
    now = [0.0]
    eta = Eta(lambda: now[0])

    def note(*moments):
        for now[0] in moments:
            eta.note()
        return eta

    return note


def test_few_answers_tell_no_time(noted):
    assert noted(*range(ENOUGH - 1)).left(100) is None


def test_the_wait_for_a_model_to_load_is_not_in_the_pace(noted):
    assert noted(*range(600, 600 + ENOUGH)).left(100) == pytest.approx(100.0)


def test_answers_from_the_log_are_forgotten_once_new_ones_have_come(noted):
    eta = noted(*([0.0] * 500))
    assert eta.left(100) == 0.0
    assert noted(*(2.0 * each for each in range(1, LATEST + 1))).left(100) == pytest.approx(200.0)
