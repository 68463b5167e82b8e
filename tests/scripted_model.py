"""A model folder whose model answers from a table."""

import json
from collections.abc import Mapping
from pathlib import Path

CARD = """name = "{name}"
title = "{title}"
kind = "{kind}"
family = "script"
backend = "{backend}"
format = "phi2-sql"
dialect = "{dialect}"
base = {{ id = "answers.json" }}
context = {context}
generation = {{ max_new_tokens = {longest} }}
licence = "Apache-2.0"
notes = "For tests."
"""


def write_scripted(
    folder: Path,
    name: str,
    answers: Mapping[str, str] | None,
    *,
    title: str = "",
    kind: str = "mini",
    backend: str = "scripted",
    dialect: str = "duckdb",
    context: int = 16_384,
    longest: int = 512,
) -> None:
    """`folder/name` with its card and, unless they are None, its answers."""
    home = folder / name
    home.mkdir(parents=True, exist_ok=True)
    card = CARD.format(
        name=name, title=title or f"Scripted {name}", kind=kind, backend=backend, dialect=dialect, context=context, longest=longest
    )
    (home / "card.toml").write_text(card)
    if answers is not None:
        (home / "answers.json").write_text(json.dumps(answers))
