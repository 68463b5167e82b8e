"""`python -m nl2sql_arena ...`: results on standard output, progress on standard error, exit 0 unless the command itself fails.

Databases, models and figures are imported by the commands that use them, so that help and mistakes are answered at once. The commands of
the benchmark are in `bench_cli`, those of contestants in `model_cli`, those of votes in `vote_cli`, those of Spaces in `space_cli`.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nl2sql_arena import bench_cli, model_cli, space_cli, vote_cli
from nl2sql_arena.errors import ArenaError, BadInput
from nl2sql_arena.settings import NEEDS_WSL, is_windows
from nl2sql_arena.terminal import DB_HELP, add, decoding, listed, log, models_of, opened_services, rows_of, settings_of, show, whole_number
from nl2sql_arena.types import DISPLAY, Answer, Execution, Request

if TYPE_CHECKING:
    from nl2sql_arena.services import Services
    from nl2sql_arena.training.recipe import Recipe, Tuning

MINI_MINUTES = 120.0
"""What the minis that ship were trained for."""


def main(arguments: list[str] | None = None) -> None:
    """Parse and run one command; a problem that the user can mend is one sentence on standard error and status 1."""
    if is_windows():
        sys.exit(f"nl2sql_arena: {NEEDS_WSL}")
    options = parser().parse_args(arguments)
    try:
        options.command(options)
    except ArenaError as problem:
        sys.exit(f"nl2sql_arena: {problem}")
    except KeyboardInterrupt:
        sys.exit(130)  # what a shell reports for a command ended by Ctrl-C
    except BrokenPipeError:
        sys.stderr.close()


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="python -m nl2sql_arena", description="Ask, run, list and benchmark from the command line.")
    root.add_argument("--data", default="", help="folder of databases and votes (default: ARENA_DATA, else ./var)")
    commands = root.add_subparsers(required=True, metavar="COMMAND")

    ask = add(commands, "ask", _ask, "put a question to models")
    ask.add_argument("--db", required=True, help=DB_HELP)
    ask.add_argument("--models", help="comma-separated (default: ARENA_MODELS, else the pair of minis)")
    decoding(ask)
    _text_or_lines(ask, "question")

    sql = add(commands, "sql", _sql, "run a query in the sandbox")
    sql.add_argument("--db", required=True, help=DB_HELP)
    _text_or_lines(sql, "sql")

    database = commands.add_parser("db", help="list databases, show a schema").add_subparsers(required=True, metavar="COMMAND")
    add(database, "list", _databases, "the databases").add_argument("--json", action="store_true")
    shown = add(database, "schema", _schema, "one database's schema")
    shown.add_argument("name")
    shown.add_argument("--json", action="store_true")

    model_cli.commands(commands)
    bench_cli.commands(commands)
    vote_cli.commands(commands)
    space_cli.commands(commands)
    _training(commands)
    return root


def _training(commands: Any) -> None:
    data = commands.add_parser("data", help="look into training data").add_subparsers(required=True, metavar="COMMAND")
    report = add(data, "report", _data_report, "size, losses, difficulty, lengths and leanings of a data mix")
    mix = report.add_mutually_exclusive_group(required=True)
    mix.add_argument("--recipe", type=Path, help="a recipe.toml whose data mix, prompt format and lengths are meant")
    mix.add_argument("--source", help="one source: a public set's name, generator, database, or a JSONL file with question, sql, schema")
    report.add_argument("--path", default="", help="where the set lies as its authors publish it (default: the hub), or the database")
    report.add_argument("--split", default="train")
    report.add_argument("--most", type=whole_number, default=0, help="read at most this many of its rows (default: all)")
    report.add_argument("--measured", action="append", default=[], metavar="NAME=PATH", help="keep apart from this set's dev split, too")
    report.add_argument("--tokenizer", default="", help="hub id or folder (default: the recipe's base)")
    report.add_argument("--format", default="phi2-sql", help="the prompt's format, where no recipe says it")
    report.add_argument("--max-length", type=whole_number, default=1024, help="tokens of prompt and answer, where no recipe says it")
    report.add_argument("--seed", type=int, default=0)
    report.add_argument("--json", action="store_true")

    phrases = add(data, "phrases", _data_phrases, "check phrasebooks: what fails in them, and what they say")
    phrases.add_argument("db", help="the sample database that they are about")
    phrases.add_argument("--file", type=Path, help="one phrasebook (default: all of the database's)")

    train = commands.add_parser("train", help="train models").add_subparsers(required=True, metavar="COMMAND")
    mini = add(train, "mini", _train_mini, "train the three minis from scratch")
    mini.add_argument("--minutes", type=float, default=MINI_MINUTES, help="in all, on an idle machine of two cores")
    mini.add_argument("--seed", type=int, default=0)
    mini.add_argument("--out", type=Path, help="a models folder to write to (default: the project's)")
    sft = add(train, "sft", _train_sft, "train what a recipe describes, such as a LoRA adapter for Phi-2")
    sft.set_defaults(minutes=MINI_MINUTES, seed=0)  # for a recipe of a mini
    sft.add_argument("--recipe", type=Path, required=True, help="models/NAME/recipe.toml")
    sft.add_argument("--out", type=Path, help="the new model's folder (default: the recipe's)")
    sft.add_argument("--again", action="store_true", help="let go of an earlier training, finished or not")
    for method, what in (("dpo", "pairs of a better and a worse answer"), ("kto", "answers with a verdict")):
        prefer = add(train, method, _train_preferences, f"continue a model's adapter by {what}")
        prefer.set_defaults(method=method)
        prefer.add_argument("model", help="a model with an adapter: its name, or its folder")
        prefer.add_argument("--rows", type=Path, required=True, help="JSON lines from `train rows` or `votes export --format jsonl`")
        prefer.add_argument("--beta", type=float, default=0.1, help="how closely the model is held to what it was (default: 0.1)")
        prefer.add_argument("--rate", type=float, default=5e-6, help="learning rate (default: 5e-6)")
        prefer.add_argument("--epochs", type=float, default=1.0)
        prefer.add_argument("--seed", type=int, default=0)
        prefer.add_argument("--quantisation", choices=["nf4", "none"], default="none", help="how the base is held (default: none)")
        _new_folder(prefer)
    _adapting(train)
    merge = add(train, "merge", _train_merge, "write a model's base and adapter as whole 16-bit weights")
    merge.add_argument("model", help="a model with an adapter: its name, or its folder")
    _new_folder(merge)
    rows = add(train, "rows", _train_rows, "judge answers by what they return and print preference rows")
    rows.add_argument("--answers", type=Path, required=True, help='what `ask --jsonl` printed: lines with "id", "model", "sql"')
    rows.add_argument("--questions", type=Path, required=True, help='lines with "id", "db", "question", "gold_sql"')


def _adapting(train: Any) -> None:
    adapt = add(train, "adapt", _train_adapt, "teach a model a database that it has never seen: a mini on a core, Phi-2 on a GPU")
    adapt.add_argument("--db", required=True, help=DB_HELP)
    adapt.add_argument(
        "--model", default="mini-p-lora", help="the mini whose adapter is continued, or a model with a recipe for trl, such as phi-2-nl2sql"
    )
    adapt.add_argument("--minutes", type=float, help="of training a mini on one core (default: 4)")
    adapt.add_argument("--pairs", type=whole_number, help="drawn about the database for a model with a recipe for trl (default: 3000)")
    adapt.add_argument("--seed", type=int, default=0)
    adapt.add_argument("--out", type=Path, help="the new model's folder (default: beside the old one, named after both)")
    adapt.add_argument("--again", action="store_true", help="let go of an earlier training, finished or not")


def _new_folder(command: argparse.ArgumentParser) -> None:
    command.add_argument("--out", type=Path, help="the new model's folder (default: beside the old one, named after the command)")
    command.add_argument("--again", action="store_true", help="let go of an earlier training, finished or not")


def _text_or_lines(command: argparse.ArgumentParser, name: str) -> None:
    command.add_argument("text", nargs="?", help=f"the {name}; left out with --jsonl")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.add_argument(
        "--jsonl", action="store_true", help=f'read {{"id", "{name}"}} lines from standard input, print one line per result'
    )


def _inputs(options: argparse.Namespace, field: str) -> Iterator[tuple[Any, str]]:
    """(id, text) of each input, lines as they arrive. Raises BadInput naming the line that cannot be read."""
    if not options.jsonl:
        if not options.text:
            raise BadInput(f"Give the {field} as an argument, or --jsonl with lines on standard input.")
        yield "1", options.text
        return
    for _, row in rows_of(sys.stdin.buffer, "id", field):
        yield row["id"], row[field]


def _ask(options: argparse.Namespace) -> None:
    from nl2sql_arena import catalog
    from nl2sql_arena.engine import check_question, refusing_too_long

    models = models_of(options)
    inputs = list(_inputs(options, "question"))
    for identity, question in inputs:
        try:
            check_question(question)
        except BadInput as problem:
            raise BadInput(f"Question {identity}: {problem}") from problem
    with opened_services(options) as services:
        for host in dict.fromkeys(filter(None, (catalog.elsewhere(services.cards[name]) for name in models if name in services.cards))):
            log(f"Questions and the database's tables and columns go to {host}.")
        # Requests are numbered: two lines may bear the same id, and an id is printed as it was given.
        requests = [Request(str(number), model, options.db, text) for number, (_, text) in enumerate(inputs) for model in models]
        found = services.decoded(options.decoding).engine.answers(requests)
        answers = _in_order(found if options.jsonl else refusing_too_long(found), [(each.id, each.model) for each in requests])
        _print((answer_json(answer) | {"id": inputs[int(answer.id)][0]} for answer in answers), options, _answer_text)


def _in_order(answers: Iterable[Answer], order: list[tuple[str, str]]) -> Iterator[Answer]:
    """Answers in input order, each as soon as those before it are there."""
    waiting: dict[tuple[str, str], Answer] = {}
    position = 0
    for answer in answers:
        waiting[answer.id, answer.model] = answer
        while position < len(order) and order[position] in waiting:
            yield waiting.pop(order[position])
            position += 1


def answer_json(answer: Answer) -> dict[str, Any]:
    """One answer as `ask --json` prints it."""
    return {
        "id": answer.id,
        "model": answer.model,
        "raw": answer.completion.text,
        "sql": answer.prepared.sql,
        "repairs": list(answer.prepared.repairs),
        **_execution_json(answer.execution),
        "seconds": round(answer.seconds, 4),
        **({"beams": answer.beams} if answer.beams > 1 else {}),
    }


def _execution_json(done: Execution) -> dict[str, Any]:
    return {
        "outcome": done.outcome,
        "error_kind": done.error_kind,
        "message": done.message,
        "columns": [asdict(column) for column in done.columns],
        "rows": [list(row) for row in done.rows],
        "row_count": done.row_count,
        "truncated": done.truncated,
        "seconds": round(done.seconds, 4),
    }


def _sql(options: argparse.Namespace) -> None:
    with opened_services(options) as services:
        rows = ({"id": name, **_execution_json(services.engine.run(options.db, text, DISPLAY))} for name, text in _inputs(options, "sql"))
        _print(rows, options, _execution_text)


def _print(rows: Iterator[dict[str, Any]], options: argparse.Namespace, as_text: Callable[[dict[str, Any]], str]) -> None:
    if options.json and not options.jsonl:
        show(json.dumps(list(rows), ensure_ascii=False, indent=1))
        return
    for row in rows:
        show(json.dumps(row, ensure_ascii=False) if options.jsonl else as_text(row))


def _answer_text(row: dict[str, Any]) -> str:
    return f"-- {row['model']}, {row['seconds']} s\n{row['sql']}\n{_execution_text(row)}\n"


def _execution_text(row: dict[str, Any]) -> str:
    if row["outcome"] != "ok":
        return f"{row['outcome']}: {row['message']}"
    lines = [" | ".join(column["name"] for column in row["columns"])]
    lines += [" | ".join("NULL" if cell is None else str(cell) for cell in cells) for cells in row["rows"]]
    count = row["message"] or f"{'more than ' if row['truncated'] else ''}{row['row_count']} rows"
    return "\n".join(lines) + f"\n({count})"


def _databases(options: argparse.Namespace) -> None:
    rows = []
    with opened_services(options) as services:
        for name, database in services.databases.items():
            tables, questions = database.schema().tables, len(database.examples())
            rows.append({"name": name, "tables": len(tables), "rows": sum(t.row_count for t in tables), "questions": questions})
    listed(rows, options.json)


def _schema(options: argparse.Namespace) -> None:
    from nl2sql_arena.schema import create_tables

    with opened_services(options) as services:
        schema = services.engine.database(options.name).schema()
    show(json.dumps({"name": options.name, **asdict(schema)}, ensure_ascii=False, indent=1) if options.json else create_tables(schema))


def _data_report(options: argparse.Namespace) -> None:
    from nl2sql_arena import database
    from nl2sql_arena.training import recipe
    from nl2sql_arena.training.sets import datasets, report

    tuning = recipe.read_tuning(options.recipe) if options.recipe else None
    sources = tuning.data if tuning else (datasets.Source(options.source, options.path, options.split, options.most),)
    named = [text.partition("=") for text in options.measured]
    if wrong := next((text for text, (name, _, path) in zip(options.measured, named, strict=True) if not name or not path), None):
        raise BadInput(f"--measured {wrong} is not NAME=PATH; write for example --measured spider=FOLDER.")
    measured = [*(tuning.measured if tuning else ()), *(datasets.Source(name, path, "dev") for name, _, path in named)]
    reader = report.reader(tuning, options.recipe, options.tokenizer, options.format, options.max_length)
    databases = database.catalogue(settings_of(options))
    with tempfile.TemporaryDirectory() as folder:
        dataset = datasets.build(sources, databases, Path(folder), tuning.seed if tuning else options.seed, log, measured=measured)
        found = report.report(dataset, reader, datasets.unchecked(sources, measured))
    show(json.dumps(found, ensure_ascii=False, indent=1) if options.json else report.as_text(found))


def _data_phrases(options: argparse.Namespace) -> None:
    from nl2sql_arena.training.generator import phrasebook, phrasebook_check

    with opened_services(options) as services:
        intents = phrasebook.read(options.file) if options.file else phrasebook.load(options.db)
        for line in phrasebook_check.check(services.engine.database(options.db), intents):
            show(line)


def _train_adapt(options: argparse.Namespace) -> None:
    from nl2sql_arena.training import recipe

    with opened_services(options) as services:
        folders = (services.settings.models / options.model, Path(options.model))
        path = next((each / recipe.RECIPE for each in folders if (each / recipe.RECIPE).is_file()), None)
        if path and recipe.trainer(path) == "trl":
            _adapt_by_recipe(options, services, path.resolve())
            return
        from nl2sql_arena.training.minis import adapt

        if options.pairs is not None:
            raise BadInput(f"--pairs is for models with a recipe for trl; {options.model} learns as long as --minutes says.")
        if options.model not in services.cards:
            raise BadInput(f"There is no model '{options.model}'; `models list` shows them.")
        database = services.engine.database(options.db)
        out = options.out or services.settings.models / f"{options.model}-{database.name}"
        known = {name: each for name, each in services.databases.items() if name != database.name}
        work = services.settings.data / "training" / out.resolve().name
        card, models = services.cards[options.model], services.settings.models
        minutes = adapt.MINUTES if options.minutes is None else options.minutes
        adapt.adapt(adapt.Adapted(card, models, database, known, out, work), minutes, options.seed, log, again=options.again)


def _adapt_by_recipe(options: argparse.Namespace, services: "Services", path: Path) -> None:
    from nl2sql_arena.training import recipe

    _needs_trl()
    from nl2sql_arena.training.tuning import teach

    name = path.parent.name
    if options.minutes is not None:
        raise BadInput(f"--minutes is for minis; {name} learns from so many pairs as --pairs says, once.")
    database = services.engine.database(options.db)
    out = options.out or path.parent.with_name(f"{name}-{database.name}")
    pairs = teach.PAIRS if options.pairs is None else max(1, options.pairs)
    tuning = teach.recipe_for(recipe.read_tuning(path), path.parent, database, pairs, options.seed, out)
    log(f"{tuning.name}: " + (f"the adapter of {name} is continued" if tuning.adapter else f"a new adapter, since {name} has none yet"))
    _tune(services, tuning, out, out, options.again)


def _train_mini(options: argparse.Namespace, recipes: "dict[str, Recipe] | None" = None) -> None:
    from nl2sql_arena.training.minis.mini import train_minis

    with opened_services(options) as services:
        out = options.out or services.settings.models
        train_minis(out, services.databases, options.minutes, options.seed, log, services.settings.data / "training", recipes)


def _train_sft(options: argparse.Namespace) -> None:
    from nl2sql_arena.training import recipe

    path = options.recipe.resolve()
    if recipe.trainer(path) == "scratch":
        options.out = (options.out or path.parent).parent
        _train_mini(options, recipe.with_base(path))
        return
    tuning = recipe.read_tuning(path)
    _needs_trl()
    with opened_services(options) as services:
        _tune(services, tuning, path.parent, options.out or path.parent, options.again)


def _tune(services: "Services", tuning: "Tuning", folder: Path, out: Path, again: bool) -> None:
    """Follow a recipe for trl, whose base is named relative to `folder`."""
    from nl2sql_arena.training.sets import datasets
    from nl2sql_arena.training.tuning import tune

    folders = tune.Folders(folder, out, services.settings.data / "training" / out.resolve().name)

    def build(data: Path) -> datasets.Dataset:
        return datasets.build(
            tuning.data, services.databases, data, tuning.seed, log, tuning.evaluation.questions, tuning.measured
        )  # fmt: skip

    tune.sft(tuning, build, folders, services.sandbox, log, again)


def _old_and_new(options: argparse.Namespace, models: Path, suffix: str) -> tuple[Path, Path]:
    """The folder of the model that is named, and of the one that is made. Raises BadInput."""
    folder = next((path for path in (models / options.model, Path(options.model)) if (path / "card.toml").is_file()), None)
    if folder is None:
        raise BadInput(f"There is no model '{options.model}'; `models list` shows them.")
    folder = folder.resolve()
    return folder, options.out or folder.with_name(f"{folder.name}-{suffix}")


def _train_preferences(options: argparse.Namespace) -> None:
    from nl2sql_arena.training.tuning import preference

    rows = preference.read(_text_of(options.rows))
    _needs_trl()
    from nl2sql_arena.training.tuning import prefer

    choices = prefer.Choices(
        options.method, options.beta, options.rate, options.epochs, seed=options.seed, quantisation=options.quantisation
    )
    with opened_services(options) as services:
        old, new = _old_and_new(options, services.settings.models, options.method)
        places = prefer.Places(old, new, services.settings.data / "training" / new.resolve().name)
        prefer.prefer(choices, rows, places, services.databases, log, options.again)


def _train_merge(options: argparse.Namespace) -> None:
    from nl2sql_arena.training.tuning import merge

    with opened_services(options) as services:
        old, new = _old_and_new(options, services.settings.models, "merged")
        merge.merge(old, new, log, options.again)


def _train_rows(options: argparse.Namespace) -> None:
    from nl2sql_arena.training.tuning import preference

    answers, questions = (
        [row for _, row in rows_of(_text_of(path).encode().splitlines())] for path in (options.answers, options.questions)
    )
    with opened_services(options) as services:
        found = preference.judged(questions, answers, services.engine.run)
        measured = preference.measured_questions(services.databases)
    kept = [row for row in found if not preference.is_measured(row, measured)]
    log(f"{len(kept)} rows; {len(found) - len(kept)} left out, whose question models are measured on")
    for row in kept:
        show(json.dumps(preference.as_json(row), ensure_ascii=False))


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise BadInput(f"{path} cannot be read ({problem}); name a text file.") from problem


def _needs_trl() -> None:
    """Raises BadInput when what fine-tuning needs is not installed."""
    missing = [package for package in ("trl", "datasets") if find_spec(package) is None]
    if missing:
        raise BadInput(f"Fine-tuning needs the package {missing[0]}; install it with `pip install -r requirements-train.txt`.")
