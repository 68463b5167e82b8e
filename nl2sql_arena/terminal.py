"""What the commands share: from options to settings and services, from lines to rows, and the two streams that they write to."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from nl2sql_arena.errors import BadInput
from nl2sql_arena.settings import Settings, load, names
from nl2sql_arena.types import Decoding

if TYPE_CHECKING:
    from nl2sql_arena.database import Database
    from nl2sql_arena.services import Services

Command = Callable[[argparse.Namespace], None]
DB_HELP = "a database's name, a .duckdb file, or a folder with schema.sql and data"


def add(commands: Any, name: str, command: Command, help_text: str) -> argparse.ArgumentParser:
    added: argparse.ArgumentParser = commands.add_parser(name, help=help_text, description=help_text)
    added.set_defaults(command=command)
    return added


def whole_number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)


def decoding(command: argparse.ArgumentParser) -> None:
    """The option that says how models write."""
    told = "greedy (default), or card: as each model's publisher decodes, 4 beams for SQLCoder-7B and 7B-2, the others greedily"
    command.add_argument("--decoding", choices=get_args(Decoding), default="greedy", help=told)


@contextmanager
def opened_services(options: argparse.Namespace) -> "Iterator[Services]":
    from nl2sql_arena.services import open_services

    services = open_services(settings_of(options), own_database(options))
    try:
        yield services
    finally:
        services.close()


def own_database(options: argparse.Namespace) -> "Database | None":
    """The user's own database, where --db or --dataset names a .duckdb file or a folder with schema.sql; it then goes by its name.

    Raises BadDatabase.
    """
    from nl2sql_arena import database

    for option in ("db", "dataset"):
        if own := database.at(Path(getattr(options, option, "") or ""), settings_of(options).data / "databases"):
            setattr(options, option, own.name)
            return own
    return None


def settings_of(options: argparse.Namespace) -> Settings:
    return load(os.environ | {"ARENA_DATA": options.data} if options.data else os.environ)


def models_of(options: argparse.Namespace) -> list[str]:
    """The models asked for, each once. Raises BadInput."""
    from nl2sql_arena.services import MINI_PAIR

    default = load(os.environ).chosen_models or MINI_PAIR
    chosen = list(dict.fromkeys(default if options.models is None else names(options.models)))
    if not chosen:
        raise BadInput("Name at least one model after --models; `models list` shows them.")
    return chosen


def rows_of(lines: Iterable[bytes], *fields: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of each line of JSON. Raises BadInput naming the first that lacks a field or has no text in one but `id`."""
    wanted = ", ".join(f'"{field}"' for field in fields)
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as problem:
                raise BadInput(f"Line {number} is not JSON ({problem}); write {{{wanted}}} there.") from problem
            if not isinstance(row, dict) or not all(field in row and (field == "id" or isinstance(row[field], str)) for field in fields):
                raise BadInput(f"Line {number} is not {{{wanted}}} with texts; correct it and run again.")
            yield number, row


def show(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def listed(rows: list[dict[str, Any]], as_json: bool) -> None:
    """Rows as a JSON array, or a line each."""
    as_lines = "\n".join("  ".join(str(value) for value in row.values()) for row in rows)
    show(json.dumps(rows, ensure_ascii=False, indent=1) if as_json else as_lines)


def log(line: str) -> None:
    sys.stderr.write(line + "\n")
