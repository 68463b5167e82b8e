"""`python -m nl2sql_arena votes ...`: list, export and erase; what a study needs before it begins, and how it goes."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nl2sql_arena.errors import BadInput
from nl2sql_arena.settings import secret
from nl2sql_arena.terminal import add, log, opened_services, settings_of, show, whole_number
from nl2sql_arena.votes.details import NOTHING
from nl2sql_arena.votes.voters import as_kept

if TYPE_CHECKING:
    from nl2sql_arena.votes.study import Study

SYNC_SECONDS = 300.0
PUBLIC = "public"
FORMATS = ("parquet", "csv", "jsonl", "dpo", "kto", "arena-rank")


def commands(commands: Any) -> None:
    votes = commands.add_parser("votes", help="list, export and erase votes; studies").add_subparsers(required=True, metavar="COMMAND")
    listed = add(votes, "list", _list, "the votes")
    listed.add_argument("--json", action="store_true")
    listed.add_argument("--filtered", action="store_true", help="without those that are flagged")
    export = add(votes, "export", _export, "write votes as a data set with its card")
    export.add_argument("--format", required=True, choices=FORMATS)
    export.add_argument("--out", type=Path, required=True, help="folder to write to")
    export.add_argument("--profile", choices=("real", "mini", "baseline"), default="real", help="whose votes (default: the real models')")
    export.add_argument("--filtered", action="store_true", help="without those that are flagged")
    export.add_argument(
        "--study", default=PUBLIC, help="a study's file, hash or title: its votes alone; public (default): those of no study alone"
    )
    export.add_argument("--comments", action="store_true", help="with voters' comments, free text that may name people")
    erase = add(votes, "erase", _erase, "delete all that a voter left")
    erase.add_argument("voter", help="the voter's id, as the page shows it under the vote buttons")
    study = votes.add_parser("study", help="check a study's file, make codes and a secret, see how it goes").add_subparsers(
        required=True, metavar="COMMAND"
    )
    checked = add(study, "check", _study_check, "whether a study can begin, and its hash")
    checked.add_argument("file", type=Path)
    checked.add_argument("--text", action="store_true", help="only the text whose SHA-256 is the study's hash, to publish it")
    seen = add(study, "progress", _study_progress, "how far a study is, as its page shows the researcher")
    seen.add_argument("file", type=Path)
    seen.add_argument("--json", action="store_true")
    codes = add(study, "codes", _study_codes, "new invite codes, each with the hash that a file may hold in its place")
    codes.add_argument("count", type=whole_number)
    add(study, "secret", _study_secret, "a new secret for the researcher's page, with its hash")
    add(votes, "sync", _sync, "bring the store and its synced copy (ARENA_SYNC_REPO, HF_TOKEN) to the same state")


def _list(options: argparse.Namespace) -> None:
    kept = (
        "winner", "voted", "db", "question", "split", "chosen", "profile", "model_a", "revision_a", "model_b", "revision_b",
        "outcome_a", "outcome_b",
    )  # fmt: skip
    with opened_services(options) as services:
        more = ("sql_a", "sql_b", "flags", "asks", "study", *NOTHING) if options.json else ()
        rows = [{"name": vote["id"], **{key: vote[key] for key in (*kept, *more)}} for vote in services.store.votes(options.filtered)]
    as_lines = "\n".join("  ".join(str(value) for value in row.values()) for row in rows)
    show(json.dumps(rows, ensure_ascii=False, indent=1) if options.json else as_lines)


def _export(options: argparse.Namespace) -> None:
    from nl2sql_arena import database
    from nl2sql_arena.benchmark.voted import Reader
    from nl2sql_arena.votes import exports

    with opened_services(options) as services:
        known = exports.samples(database.catalogue(services.settings))  # never a database of one's own
        wanted = _study_hash(options.study, services.store.study_titles())
        happened = [
            [each for each in some if each["profile"] == options.profile]
            for some in (services.store.votes(options.filtered), services.store.unvoted(options.filtered))
        ]
        votes, events = ([each for each in some if each["study"] == wanted] for some in happened)
        if exports.FORMATS[options.format].is_whole:
            reader = Reader(services)
            votes, events = reader.with_gold(votes), reader.with_gold(events)
        found, others = (exports.rows(some, options.profile, known, options.comments) for some in (votes, events))
        licences = {name: card.licence for name, card in services.cards.items()}
    if left := _elsewhere([vote["study"] for vote in happened[0]], wanted):
        log(left)
    made = exports.export(found, options.format, options.profile, options.filtered, licences, others)
    beside = f", {len(others)} without a verdict in {made.events_name}" if made.events else ""
    show(f"{made.count} rows in {exports.write(made, options.out)}{beside}")


def _elsewhere(studies: Sequence[str], wanted: str) -> str:
    """Which votes are not of the wanted study (empty: of none), from the study of each; empty where all are."""
    of_studies = [study for study in studies if study not in ("", wanted)]
    other = "other " if wanted else ""
    parts = [f"{_counted(studies.count(''), 'public vote')} (--study public)"] if wanted and "" in studies else []
    if of_studies:
        named = f"{_counted(len(of_studies), 'vote')} of {_counted(len(set(of_studies)), f'{other}study', f'{other}studies')}"
        parts.append(f"{named} (--study with the file, hash or title of one)")
    return f"Left out: {', '.join(parts)}." if parts else ""


def _counted(count: int, one: str, more: str = "") -> str:
    return f"{count} {one if count == 1 else more or f'{one}s'}"


def _study_hash(given: str, titles: Mapping[str, str]) -> str:
    """Of a file, of a title (hash -> title of those that were opened here), or the hash itself; empty for `public`. Raises BadInput."""
    from nl2sql_arena.votes import study

    if given == PUBLIC:
        return ""
    if study.HASH.fullmatch(given):
        return given
    named = [hashed for hashed, title in titles.items() if title == given]
    if len(named) > 1:
        raise BadInput(f"{len(named)} studies here are called '{given}'; give the hash of one: {', '.join(named)}.")
    return named[0] if named else study.load(Path(given)).hash


def _study_check(options: argparse.Namespace) -> None:
    from nl2sql_arena import catalog, database
    from nl2sql_arena.votes import study

    found, settings = study.load(options.file), settings_of(options)
    cards = catalog.load(settings.models)
    opened = study.opened(found, database.catalogue(settings), cards, secret(study.SECRET_VARIABLE))
    if options.text:
        sys.stdout.write(found.text)
        return
    show("\n".join((f"{found.title}: {found.hash}", *_about(found, bool(opened.key)))))


def _study_progress(options: argparse.Namespace) -> None:
    from nl2sql_arena.votes import study, study_course, study_text

    found = study.load(options.file)
    with opened_services(options) as services:
        opened = study.opened(found, services.databases, services.cards)
        seen = study_course.progress_in(services.store, opened, services.cards)
    show(json.dumps(study_text.plain(found, seen), ensure_ascii=False, indent=1) if options.json else study_text.lines(found, seen))


def _about(found: "Study", has_secret: bool) -> list[str]:
    from nl2sql_arena.votes import study_text

    voters = max(-(-found.target // found.votes_per_voter), min(found.votes_per_question, found.target))
    invited = "anybody may take part" if found.is_open else f"{len(found.codes)} codes for {found.voters_per_code} each"
    lines = [
        f"contestants: {' and '.join(found.models)}",
        f"questions: {len(found.questions)}, {found.votes_per_question} votes each, {found.votes_per_voter} a voter",
        f"a voter sees: {study_text.sees(found)}; asked which model A was: after {found.audit_share:.0%} of the votes",
        f"votes: {found.target} at most, of {voters} voters at least; {invited}",
        f"ends: {'once the meter is settled, or with all votes' if found.stopping.rule == 'settled' else 'with all votes'}",
        f"progress page: {'opens with the secret' if has_secret else 'opens for nobody; see votes study secret'}",
    ]
    places = len(found.codes) * found.voters_per_code
    if not found.is_open and places < voters:
        lines.append(f"too few codes: they admit {places} voters, and {voters} are needed at least; `votes study codes` makes more")
    return lines


def _study_codes(options: argparse.Namespace) -> None:
    from nl2sql_arena.votes import study

    codes = [study.new_code() for _ in range(options.count)]
    show("\n".join(f"{code}  {study.code_hash(code)}" for code in codes))


def _study_secret(_: argparse.Namespace) -> None:
    from nl2sql_arena.votes import study
    from nl2sql_arena.votes.voters import new_secret

    made = new_secret()
    show(f'secret: {made}\nsecret_hash = "{study.secret_hash(made)}"')


def _erase(options: argparse.Namespace) -> None:
    with opened_services(options) as services:
        voter = as_kept(options.voter)
        if services.sync:  # on a machine that has not all votes yet, as a laptop that erases for a Space
            services.sync.flush(SYNC_SECONDS)
        count = services.store.erase(voter)
        count += len(services.sync.gained.marked) if services.sync else 0  # what came of voters whose erasure was ended half way
        is_synced = services.sync is not None and services.sync.flush(SYNC_SECONDS)
        trouble = services.sync.trouble if services.sync else ""
    if trouble and not is_synced:
        if count:
            raise BadInput(f"Erased here: {_battles(count)}. The synced copy still holds them: {trouble} Then run `votes sync`.")
        raise BadInput(f"The voter '{options.voter}' left nothing here, and the synced copy could not be asked: {trouble} Run this again.")
    if not count:
        raise BadInput(f"The voter '{options.voter}' left nothing here; check the id. What another app has goes with its next sync.")
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
