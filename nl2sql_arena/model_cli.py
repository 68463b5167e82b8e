"""`models ...` and `doctor`: list contestants, add and pin them, and say what this machine can run."""

import argparse
import json
from pathlib import Path
from typing import Any, get_args

from nl2sql_arena.errors import BadInput
from nl2sql_arena.prompts import FORMATS
from nl2sql_arena.terminal import add, listed, log, opened_services, settings_of, show
from nl2sql_arena.types import Api, Dialect


def commands(commands: Any) -> None:
    models = commands.add_parser("models", help="list, add and pin contestants").add_subparsers(required=True, metavar="COMMAND")
    add(models, "list", _list, "the contestants").add_argument("--json", action="store_true")
    added = add(models, "add", _add, "write a card for a causal language model or a LoRA adapter, and say what was guessed")
    added.add_argument("weights", metavar="ID-or-PATH", help="an id on the hub, a folder, or the address of a server up to its /v1")
    added.add_argument("--name", default="", help="the contestant's name (default: the last part of the id)")
    added.add_argument("--format", default="", choices=FORMATS, metavar="FORMAT", help=f"its prompt: {', '.join(FORMATS)}")
    added.add_argument("--dialect", default="", choices=get_args(Dialect), metavar="DIALECT", help="what it writes")
    added.add_argument("--base", default="", help="the model that an adapter was trained on, if it does not lie where it says")
    added.add_argument(
        "--kind", default="", choices=["real", "mini"], help="minis are never compared with real models (default: by a guess)"
    )
    added.add_argument("--server-model", default="", help="which of a server's models (default: the only one)")
    added.add_argument("--api", default="completions", choices=get_args(Api), help="how a server is asked (default: completions)")
    added.add_argument("--key-variable", default="", help="the environment variable that holds a server's key")
    added.add_argument("--out", type=Path, help="a models folder to write to (default: the project's)")
    added.add_argument("--json", action="store_true")
    pinned = add(models, "pin", _pin, "write the hub's newest revisions into cards, so that the same weights are loaded from now on")
    pinned.add_argument("names", nargs="*", help="contestants (default: all)")
    pinned.add_argument("--move", action="store_true", help="also where a revision is pinned already")
    pinned.add_argument("--out", type=Path, help="the models folder that is meant (default: the project's)")

    doctor = add(commands, "doctor", _doctor, "what this machine is, what each model would load as and why, and one question as a test")
    doctor.add_argument("--no-ask", action="store_true", help="load no model and ask nothing")
    doctor.add_argument("--json", action="store_true")


def _list(options: argparse.Namespace) -> None:
    from nl2sql_arena.benchmark import verify

    with opened_services(options) as services:
        checks = verify.read(services.settings.data / verify.FILE, verify.SHIPPED)
        rows = []
        for card in services.cards.values():
            revision = services.revision(card.name)
            row = {"name": card.name, "title": card.title, "kind": card.kind, "licence": card.licence, "revision": revision}
            rows.append(row | ({"verified": verify.told(card.name, revision, checks)} if card.kind == "real" else {}))
        listed(rows, options.json)


def _add(options: argparse.Namespace) -> None:
    from nl2sql_arena import adding

    wishes = adding.Wishes(
        options.name, options.format, options.dialect, options.base, options.kind, options.server_model, options.api, options.key_variable
    )
    added = adding.add(options.weights, _models_folder(options), wishes)
    if options.json:
        show(json.dumps({"name": added.card.name, "card": str(added.path), "guessed": list(added.guesses)}, ensure_ascii=False, indent=1))
        return
    show(f"{added.card.name}: {added.path}")
    for guess in added.guesses:
        show(f"guessed {guess}")


def _pin(options: argparse.Namespace) -> None:
    from nl2sql_arena import adding

    lines = adding.pin(_models_folder(options), tuple(options.names), options.move)
    show("\n".join(lines) if lines else "Nothing to pin: every card from the hub has its revision.")


def _doctor(options: argparse.Namespace) -> None:
    from nl2sql_arena import doctor

    with opened_services(options) as services:
        report = doctor.examine(services, not options.no_ask, announce=log)
    show(json.dumps(doctor.as_json(report), ensure_ascii=False, indent=1) if options.json else doctor.as_text(report))


def _models_folder(options: argparse.Namespace) -> Path:
    folder: Path = options.out or settings_of(options).models
    if not folder.is_dir():
        raise BadInput(f"There is no folder {folder}; name one that exists.")
    return folder
