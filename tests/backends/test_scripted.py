"""What the scripted backend adds to the contract: rehearsed failures, delays, stop strings."""

from nl2sql_arena.backends.scripted import UNKNOWN, Scripted
from nl2sql_arena.types import GenerationRequest, Prompt

REQUEST = GenerationRequest("1", "m", Prompt("t(a int)\n-- ", "how many?\n", stop=("```",)))


def test_a_failure_is_ours_and_has_no_text() -> None:
    (completion,) = Scripted({"how many?": "SELECT 1"}, failure="The server did not answer.").generate([REQUEST])
    assert completion.failure == "The server did not answer."
    assert completion.text == ""


def test_the_text_ends_before_a_stop_string() -> None:
    (completion,) = Scripted({"how many?": "\nSELECT 1\n```\nbecause"}).generate([REQUEST])
    assert (completion.text, completion.finish_reason) == ("\nSELECT 1\n", "stop")


def test_the_longest_known_question_decides() -> None:
    (completion,) = Scripted({"many": "SELECT 0", "how many?": "SELECT 1"}).generate([REQUEST])
    assert completion.text == "SELECT 1"


def test_an_unknown_question_abstains() -> None:
    (completion,) = Scripted({}).generate([REQUEST])
    assert completion.text == UNKNOWN


def test_a_cancel_is_felt_during_a_delay() -> None:
    calls = iter([False, False, True])
    (completion,) = Scripted({"how many?": "SELECT 1"}, delay=60).generate([REQUEST], cancelled=lambda: next(calls))
    assert completion.finish_reason == "cancelled"
    assert completion.text == ""
