"""A backend that answers from a table: for tests, demonstrations without weights, and rehearsing failures.

Not covered: any understanding; a question outside its table is answered with the abstention sentence.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from nl2sql_arena.backends.written import Written
from nl2sql_arena.errors import ModelUnavailable
from nl2sql_arena.types import ModelCard

UNKNOWN = "SELECT 'I do not know'"


class Scripted(Written):
    """Answers each prompt with the text of the longest question that occurs in it."""

    def __init__(self, answers: Mapping[str, str], delay: float = 0.0, failure: str = "", context: int = 4096) -> None:
        known = sorted(((" ".join(question.split()), text) for question, text in answers.items()), key=lambda item: -len(item[0]))
        super().__init__(lambda prompt: _answer(known, prompt), "scripted", context, delay, failure)


def _answer(known: list[tuple[str, str]], prompt: str) -> str:
    return next((text for question, text in known if question in prompt), UNKNOWN)


def load(card: ModelCard, folder: Path) -> Scripted:
    """A scripted model whose `base.id` is a JSON file {question: answer} in the card's folder."""
    path = folder / card.base.id
    try:
        answers = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"Model {card.name} has no readable answers in {path}; write a JSON object of question to answer there."
        raise ModelUnavailable(message) from error
    return Scripted(answers, context=card.context)
