"""`python -m nl2sql_arena votes ...`: list, export and erase."""

import argparse
import json
from pathlib import Path
from typing import Any

from nl2sql_arena.errors import BadInput
from nl2sql_arena.terminal import add, opened_services, show
from nl2sql_arena.votes.details import NOTHING
from nl2sql_arena.votes.voters import as_kept

SYNC_SECONDS = 300.0
FORMATS = ("parquet", "csv", "jsonl", "dpo", "kto", "arena-rank")


def commands(commands: Any) -> None:
    votes = commands.add_parser("votes", help="list, export and erase votes").add_subparsers(required=True, metavar="COMMAND")
    listed = add(votes, "list", _list, "the votes")
    listed.add_argument("--json", action="store_true")
    listed.add_argument("--filtered", action="store_true", help="without those that are flagged")
    export = add(votes, "export", _export, "write votes as a data set with its card")
    export.add_argument("--format", required=True, choices=FORMATS)
    export.add_argument("--out", type=Path, required=True, help="folder to write to")
    export.add_argument("--profile", choices=("real", "mini", "baseline"), default="real", help="whose votes (default: the real models')")
    export.add_argument("--filtered", action="store_true", help="without those that are flagged")
    export.add_argument("--comments", action="store_true", help="with voters' comments, free text that may name people")
    erase = add(votes, "erase", _erase, "delete all that a voter left")
    erase.add_argument("voter", help="the voter's id, as the page shows it under the vote buttons")
    add(votes, "sync", _sync, "bring the store and its synced copy (ARENA_SYNC_REPO, HF_TOKEN) to the same state")


def _list(options: argparse.Namespace) -> None:
    kept = (
        "winner", "voted", "db", "question", "split", "chosen", "profile", "model_a", "revision_a", "model_b", "revision_b",
        "outcome_a", "outcome_b",
    )  # fmt: skip
    with opened_services(options) as services:
        more = ("sql_a", "sql_b", "flags", "asks", *NOTHING) if options.json else ()
        rows = [{"name": vote["id"], **{key: vote[key] for key in (*kept, *more)}} for vote in services.store.votes(options.filtered)]
    as_lines = "\n".join("  ".join(str(value) for value in row.values()) for row in rows)
    show(json.dumps(rows, ensure_ascii=False, indent=1) if options.json else as_lines)


def _export(options: argparse.Namespace) -> None:
    from nl2sql_arena import database
    from nl2sql_arena.votes import exports

    with opened_services(options) as services:
        known = exports.samples(database.catalogue(services.settings))  # never a database of one's own
        found = exports.rows(services.store.votes(options.filtered), options.profile, known, options.comments)
        licences = {name: card.licence for name, card in services.cards.items()}
    made = exports.export(found, options.format, options.profile, options.filtered, licences)
    show(f"{made.count} rows in {exports.write(made, options.out)}")


def _erase(options: argparse.Namespace) -> None:
    with opened_services(options) as services:
        voter = as_kept(options.voter)
        if services.sync:  # on a machine that has not all votes yet, as a laptop that erases for a Space
            services.sync.flush(SYNC_SECONDS)
        count = services.store.erase(voter)
        is_synced = services.sync is not None and services.sync.flush(SYNC_SECONDS)
        trouble = services.sync.trouble if services.sync else ""
    if trouble and not is_synced:
        if count:
            raise BadInput(f"Erased here: {_battles(count)}. The synced copy still holds them: {trouble} Then run `votes sync`.")
        raise BadInput(f"The voter '{options.voter}' left nothing here, and the synced copy could not be asked: {trouble} Run this again.")
    if not count:
        raise BadInput(f"The voter '{options.voter}' left nothing here; check the id.")
    show(f"Erased: {_battles(count)} with all events{', also in the synced copy and its history' if is_synced else ''}.")


def _battles(count: int) -> str:
    return f"{count} {'battle' if count == 1 else 'battles'}"


def _sync(options: argparse.Namespace) -> None:
    with opened_services(options) as services:
        if services.sync is None:
            raise BadInput("Nothing is synced here; set ARENA_SYNC_REPO to OWNER/NAME of a private dataset and HF_TOKEN (docs/votes.md).")
        if not services.sync.flush(SYNC_SECONDS):
            raise BadInput(services.sync.trouble or "Not all is synced yet; run this again.")
        gained = services.sync.gained
    came = f"{gained.battles} battles, {gained.events} events, {gained.erased} erasures"
    show(f"Synced with {services.settings.sync_repo}. From there: {came}.")
