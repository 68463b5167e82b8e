"""`python -m nl2sql_arena ...`: results on standard output, progress on standard error, exit 0 unless the command itself fails.

Databases, models and figures are imported by the commands that use them, so that help and mistakes are answered at once.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nl2sql_arena.difficulty import AXES, duckdb_level, features, spider_level
from nl2sql_arena.errors import ArenaError, BadInput
from nl2sql_arena.settings import Settings, load, names
from nl2sql_arena.types import DISPLAY, Answer, Execution, Request

if TYPE_CHECKING:
    from nl2sql_arena.benchmark.runner import Result
    from nl2sql_arena.database import Database
    from nl2sql_arena.services import Services
    from nl2sql_arena.training.recipe import Recipe

Command = Callable[[argparse.Namespace], None]
DB_HELP = "a database's name, a .duckdb file, or a folder with schema.sql and data"
MINI_MINUTES = 90.0
"""What the minis that ship were trained for."""


def main(arguments: list[str] | None = None) -> None:
    """Parse and run one command; a problem that the user can mend is one sentence on standard error and status 1."""
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

    ask = _add(commands, "ask", _ask, "put a question to models")
    ask.add_argument("--db", required=True, help=DB_HELP)
    ask.add_argument("--models", help="comma-separated (default: ARENA_MODELS, else the pair of minis)")
    _text_or_lines(ask, "question")

    sql = _add(commands, "sql", _sql, "run a query in the sandbox")
    sql.add_argument("--db", required=True, help=DB_HELP)
    _text_or_lines(sql, "sql")

    for name, listing, shows in (("models", _models, "contestants"), ("votes", _votes, "votes")):
        group = commands.add_parser(name, help=f"list {shows}").add_subparsers(required=True, metavar="COMMAND")
        _add(group, "list", listing, f"the {shows}").add_argument("--json", action="store_true")
    database = commands.add_parser("db", help="list databases, show a schema").add_subparsers(required=True, metavar="COMMAND")
    _add(database, "list", _databases, "the databases").add_argument("--json", action="store_true")
    shown = _add(database, "schema", _schema, "one database's schema")
    shown.add_argument("name")
    shown.add_argument("--json", action="store_true")

    bench = commands.add_parser("bench", help="the offline benchmark").add_subparsers(required=True, metavar="COMMAND")
    run = _add(bench, "run", _bench_run, "run models over a database's questions and score them")
    run.add_argument("--models", required=True)
    run.add_argument("--dataset", default="all", help="a sample database, all of them, or a folder with schema.sql and questions.jsonl")
    run.add_argument("--split", default="dev", choices=["dev", "test", "arena", "all"])
    run.add_argument("--limit", type=_count, default=0, help="at most this many questions of each database")
    run.add_argument("--axis", default="spider", choices=list(AXES), help="whose levels of difficulty (default: spider)")
    run.add_argument("--again", action="store_true", help="generate also what these very models have written before")
    run.add_argument("--json", action="store_true")
    _add(bench, "runs", _bench_runs, "list the runs that are kept, newest first").add_argument("--json", action="store_true")
    score = _add(bench, "score", _bench_score, "score stored predictions, without a model, under several rules at once")
    judged = score.add_mutually_exclusive_group(required=True)
    judged.add_argument(
        "--pairs", type=Path, metavar="FILE", help='lines with "id", "gold_sql", "pred_sql" and the "fixture" that both run on'
    )
    judged.add_argument(
        "--predictions", type=Path, nargs="+", action="extend", metavar="FILE",
        help='lines with "id" and "sql", as `ask --jsonl` prints; BIRD\'s JSON; or a .txt file, one query a line, in the same order',
    )  # fmt: skip
    score.add_argument(
        "--dataset", default="all", help="a sample database, all of them, or a benchmark's file or folder as it is published"
    )
    score.add_argument("--split", default="all", help="only the questions of this split")
    score.add_argument("--db-root", type=Path, help="the folder of databases or fixtures (default: beside their file)")
    score.add_argument("--dialect", default="duckdb", choices=["duckdb", "postgres", "sqlite"], help="of the predictions (default: duckdb)")
    score.add_argument("--json", action="store_true")
    difficulty = _add(bench, "difficulty", _bench_difficulty, "the level of each query of a JSONL file")
    difficulty.add_argument("file", type=Path)
    difficulty.add_argument("--json", action="store_true")

    _training(commands)
    return root


def _training(commands: Any) -> None:
    data = commands.add_parser("data", help="look into training data").add_subparsers(required=True, metavar="COMMAND")
    report = _add(data, "report", _data_report, "size, losses, difficulty, lengths and leanings of a data mix")
    mix = report.add_mutually_exclusive_group(required=True)
    mix.add_argument("--recipe", type=Path, help="a recipe.toml whose data mix, prompt format and lengths are meant")
    mix.add_argument("--source", help="one source: a public set's name, generator, database, or a JSONL file with question, sql, schema")
    report.add_argument("--path", default="", help="where the set lies as its authors publish it (default: the hub), or the database")
    report.add_argument("--split", default="train")
    report.add_argument("--most", type=_count, default=0, help="read at most this many of its rows (default: all)")
    report.add_argument("--measured", action="append", default=[], metavar="NAME=PATH", help="keep apart from this set's dev split, too")
    report.add_argument("--tokenizer", default="", help="hub id or folder (default: the recipe's base)")
    report.add_argument("--format", default="phi2-sql", help="the prompt's format, where no recipe says it")
    report.add_argument("--max-length", type=_count, default=1024, help="tokens of prompt and answer, where no recipe says it")
    report.add_argument("--seed", type=int, default=0)
    report.add_argument("--json", action="store_true")

    phrases = _add(data, "phrases", _data_phrases, "check phrasebooks: what fails in them, and what they say")
    phrases.add_argument("db", help="the sample database that they are about")
    phrases.add_argument("--file", type=Path, help="one phrasebook (default: all of the database's)")

    train = commands.add_parser("train", help="train models").add_subparsers(required=True, metavar="COMMAND")
    mini = _add(train, "mini", _train_mini, "train the three minis from scratch")
    mini.add_argument("--minutes", type=float, default=MINI_MINUTES, help="in all, on an idle machine of two cores")
    mini.add_argument("--seed", type=int, default=0)
    mini.add_argument("--out", type=Path, help="a models folder to write to (default: the project's)")
    sft = _add(train, "sft", _train_sft, "train what a recipe describes, such as a LoRA adapter for Phi-2")
    sft.set_defaults(minutes=MINI_MINUTES, seed=0)  # for a recipe of a mini
    sft.add_argument("--recipe", type=Path, required=True, help="models/NAME/recipe.toml")
    sft.add_argument("--out", type=Path, help="the new model's folder (default: the recipe's)")
    sft.add_argument("--again", action="store_true", help="let go of an earlier training, finished or not")
    for method, what in (("dpo", "pairs of a better and a worse answer"), ("kto", "answers with a verdict")):
        prefer = _add(train, method, _train_preferences, f"continue a model's adapter by {what}")
        prefer.set_defaults(method=method)
        prefer.add_argument("model", help="a model with an adapter: its name, or its folder")
        prefer.add_argument("--rows", type=Path, required=True, help="JSON lines from `train rows`, or what `votes list --json` printed")
        prefer.add_argument("--beta", type=float, default=0.1, help="how closely the model is held to what it was (default: 0.1)")
        prefer.add_argument("--rate", type=float, default=5e-6, help="learning rate (default: 5e-6)")
        prefer.add_argument("--epochs", type=float, default=1.0)
        prefer.add_argument("--seed", type=int, default=0)
        prefer.add_argument("--quantisation", choices=["nf4", "none"], default="none", help="how the base is held (default: none)")
        _new_folder(prefer)
    adapt = _add(train, "adapt", _train_adapt, "teach a mini a database that it has never seen")
    adapt.add_argument("--db", required=True, help=DB_HELP)
    adapt.add_argument("--model", default="mini-p-lora", help="the mini whose adapter is continued")
    adapt.add_argument("--minutes", type=float, default=4.0, help="of training, on one core")
    adapt.add_argument("--seed", type=int, default=0)
    adapt.add_argument("--out", type=Path, help="the new model's folder (default: beside the old one, named after both)")
    merge = _add(train, "merge", _train_merge, "write a model's base and adapter as whole 16-bit weights")
    merge.add_argument("model", help="a model with an adapter: its name, or its folder")
    _new_folder(merge)
    rows = _add(train, "rows", _train_rows, "judge answers by what they return and print preference rows")
    rows.add_argument("--answers", type=Path, required=True, help='what `ask --jsonl` printed: lines with "id", "model", "sql"')
    rows.add_argument("--questions", type=Path, required=True, help='lines with "id", "db", "question", "gold_sql"')


def _new_folder(command: argparse.ArgumentParser) -> None:
    command.add_argument("--out", type=Path, help="the new model's folder (default: beside the old one, named after the command)")
    command.add_argument("--again", action="store_true", help="let go of an earlier training, finished or not")


def _add(commands: Any, name: str, command: Command, help_text: str) -> argparse.ArgumentParser:
    added: argparse.ArgumentParser = commands.add_parser(name, help=help_text, description=help_text)
    added.set_defaults(command=command)
    return added


def _text_or_lines(command: argparse.ArgumentParser, name: str) -> None:
    command.add_argument("text", nargs="?", help=f"the {name}; left out with --jsonl")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.add_argument(
        "--jsonl", action="store_true", help=f'read {{"id", "{name}"}} lines from standard input, print one line per result'
    )


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)


@contextmanager
def _services(options: argparse.Namespace) -> "Iterator[Services]":
    from nl2sql_arena.services import open_services

    services = open_services(_settings(options), _own_database(options))
    try:
        yield services
    finally:
        services.close()


def _own_database(options: argparse.Namespace) -> "Database | None":
    """The user's own database, where --db or --dataset names a .duckdb file or a folder with schema.sql; it then goes by its name.

    Raises BadDatabase.
    """
    from nl2sql_arena import database

    for option in ("db", "dataset"):
        if own := database.at(Path(getattr(options, option, "") or ""), _settings(options).data / "databases"):
            setattr(options, option, own.name)
            return own
    return None


def _settings(options: argparse.Namespace) -> Settings:
    return load(os.environ | {"ARENA_DATA": options.data} if options.data else os.environ)


def _models_of(options: argparse.Namespace) -> list[str]:
    """The models asked for, each once. Raises BadInput."""
    from nl2sql_arena.services import MINI_PAIR

    default = load(os.environ).chosen_models or MINI_PAIR
    chosen = list(dict.fromkeys(default if options.models is None else names(options.models)))
    if not chosen:
        raise BadInput("Name at least one model after --models; `models list` shows them.")
    return chosen


def _inputs(options: argparse.Namespace, field: str) -> Iterator[tuple[Any, str]]:
    """(id, text) of each input, lines as they arrive. Raises BadInput naming the line that cannot be read."""
    if not options.jsonl:
        if not options.text:
            raise BadInput(f"Give the {field} as an argument, or --jsonl with lines on standard input.")
        yield "1", options.text
        return
    for _, row in _rows(sys.stdin.buffer, "id", field):
        yield row["id"], row[field]


def _rows(lines: Iterable[bytes], *fields: str) -> Iterator[tuple[int, dict[str, Any]]]:
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


def _ask(options: argparse.Namespace) -> None:
    from nl2sql_arena.engine import check_question, refusing_too_long

    models = _models_of(options)
    inputs = list(_inputs(options, "question"))
    for identity, question in inputs:
        try:
            check_question(question)
        except BadInput as problem:
            raise BadInput(f"Question {identity}: {problem}") from problem
    with _services(options) as services:
        # Requests are numbered: two lines may bear the same id, and an id is printed as it was given.
        requests = [Request(str(number), model, options.db, text) for number, (_, text) in enumerate(inputs) for model in models]
        found = services.engine.answers(requests)
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
    with _services(options) as services:
        rows = ({"id": name, **_execution_json(services.engine.run(options.db, text, DISPLAY))} for name, text in _inputs(options, "sql"))
        _print(rows, options, _execution_text)


def _print(rows: Iterator[dict[str, Any]], options: argparse.Namespace, as_text: Callable[[dict[str, Any]], str]) -> None:
    if options.json and not options.jsonl:
        _out(json.dumps(list(rows), ensure_ascii=False, indent=1))
        return
    for row in rows:
        _out(json.dumps(row, ensure_ascii=False) if options.jsonl else as_text(row))


def _out(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _answer_text(row: dict[str, Any]) -> str:
    return f"-- {row['model']}, {row['seconds']} s\n{row['sql']}\n{_execution_text(row)}\n"


def _execution_text(row: dict[str, Any]) -> str:
    if row["outcome"] != "ok":
        return f"{row['outcome']}: {row['message']}"
    lines = [" | ".join(column["name"] for column in row["columns"])]
    lines += [" | ".join("NULL" if cell is None else str(cell) for cell in cells) for cells in row["rows"]]
    count = row["message"] or f"{'more than ' if row['truncated'] else ''}{row['row_count']} rows"
    return "\n".join(lines) + f"\n({count})"


def _list(rows: list[dict[str, Any]], options: argparse.Namespace) -> None:
    _out(
        json.dumps(rows, ensure_ascii=False, indent=1)
        if options.json
        else "\n".join("  ".join(str(v) for v in row.values()) for row in rows)
    )


def _models(options: argparse.Namespace) -> None:
    with _services(options) as services:
        rows = [
            {"name": card.name, "title": card.title, "kind": card.kind, "licence": card.licence, "revision": services.revision(card.name)}
            for card in services.cards.values()
        ]
        _list(rows, options)


def _votes(options: argparse.Namespace) -> None:
    kept = (
        "winner", "voted", "db", "question", "split", "chosen", "profile", "model_a", "revision_a", "model_b", "revision_b",
        "outcome_a", "outcome_b",
    )  # fmt: skip
    with _services(options) as services:
        texts = ("sql_a", "sql_b") if options.json else ()
        _list([{"name": vote["id"], **{key: vote[key] for key in (*kept, *texts)}} for vote in services.store.votes()], options)


def _databases(options: argparse.Namespace) -> None:
    rows = []
    with _services(options) as services:
        for name, database in services.databases.items():
            tables, questions = database.schema().tables, len(database.examples())
            rows.append({"name": name, "tables": len(tables), "rows": sum(t.row_count for t in tables), "questions": questions})
    _list(rows, options)


def _schema(options: argparse.Namespace) -> None:
    from nl2sql_arena.schema import create_tables

    with _services(options) as services:
        schema = services.engine.database(options.name).schema()
    _out(json.dumps({"name": options.name, **asdict(schema)}, ensure_ascii=False, indent=1) if options.json else create_tables(schema))


def _bench_run(options: argparse.Namespace) -> None:
    from nl2sql_arena.benchmark import figures, metrics, runner, runs
    from nl2sql_arena.hardware import detect

    models = _models_of(options)
    with _services(options) as services:
        kinds = {services.cards[name].kind for name in models if name in services.cards} - {"baseline"}
        if len(kinds) > 1:
            raise BadInput("A run holds real models or minis, never both; run them apart.")
        databases = list(services.databases) if options.dataset == "all" else [options.dataset]
        examples = [e for name in databases for e in services.examples(name, options.split)[: options.limit or None]]
        chosen = f"the first {options.limit} of each database" if options.limit else ""
        about = runs.measured(services, models, examples, options.dataset, options.split, detect().name, chosen)
        results, began = [], time.monotonic()
        for result in runs.kept(runs.folder_of(services), about, runner.run(services, models, examples, again=options.again)):
            results.append(result)
            done, total, seconds = len(results), len(models) * len(examples), time.monotonic() - began
            sys.stderr.write(f"\r{done} of {total} answers, {seconds:.0f} s, about {seconds / done * (total - done):.0f} s left ")
        sys.stderr.write("\n")
        results = metrics.leveled(results, options.axis)
        shares = figures.accuracy(results)
        further = metrics.measure(results, services.clauses(metrics.queries(results)))
        found = {
            "run": about.name,
            "dataset": options.dataset,
            "dataset_hash": about.dataset_hash,
            "split": options.split,
            "models": figures.as_json(shares),
            "abstention": {model: _abstention(results, model) for model in shares},
            "axis": options.axis,
            "metrics": {model: metrics.as_json(each) for model, each in further.items()},
        }
        texts = [_figures_text(found), *map(metrics.as_text, further.values())]
        _out(json.dumps(found, indent=1) if options.json else "\n".join(texts))


def _bench_runs(options: argparse.Namespace) -> None:
    from nl2sql_arena.benchmark import runs

    found = runs.listed(_settings(options).data / "runs", runs.SHIPPED)
    if options.json:
        _out(json.dumps([asdict(each) for each in found], ensure_ascii=False, indent=1))
        return
    for each in found:
        models = " against ".join(each.titles.values())
        _out(f"{each.name}  {each.at}  {each.dataset} ({each.split}, data {each.dataset_hash}), {each.questions} questions: {models}")


def _abstention(results: "list[Result]", model: str) -> dict[str, int]:
    from nl2sql_arena.benchmark import figures

    right, unanswerable, wrong, answerable = figures.abstentions(results, model)
    unscored = sum(result.answer.model == model and result.score.value is None for result in results)
    return {"right": right, "unanswerable": unanswerable, "wrong": wrong, "answerable": answerable, "unscored": unscored}


def _figures_text(done: dict[str, Any]) -> str:
    head = f"execution accuracy on {done['dataset']} ({done['split']}, data {done['dataset_hash']})"
    lines = [f"{head} by {done['axis']} difficulty, with 95 % Wilson interval"]
    for model, groups in done["models"].items():
        lines += [
            f"  {model:14} {group:7} {g['correct']:4} of {g['n']:4}"
            + (f"  {g['accuracy']:6.1%}  ({g['low']:.1%} to {g['high']:.1%})" if g["n"] else "")
            for group, g in groups.items()
        ]
        said = done["abstention"][model]
        shares = f"{said['right']} of {said['unanswerable']} unanswerable, {said['wrong']} of {said['answerable']} answerable"
        lines.append(f"  {model:14} abstained: {shares}; not scored: {said['unscored']}")
    return "\n".join(lines)


def _bench_score(options: argparse.Namespace) -> None:
    if options.pairs:
        _score_pairs(options)
        return
    from nl2sql_arena.benchmark import files, runner, stored

    path = Path(options.dataset)
    published = path if path.exists() and path.suffix != ".duckdb" and not (path / "schema.sql").is_file() else None
    options.dataset = "all" if published else options.dataset
    with _services(options) as services:
        if published:
            dataset = files.opened(published, services.sandbox, services.settings.data / "published", options.db_root, services.databases)
        else:
            names = list(services.databases) if options.dataset == "all" else [options.dataset]
            found = tuple(example for name in names for example in services.examples(name, "all"))
            dataset = files.Dataset(options.dataset, found, services.databases)
        dataset = files.of_split(dataset, options.split)
        predictions = stored.read_all(options.predictions, dataset.examples)
        scoring = stored.score(dataset, predictions, options.dialect, services.sandbox, services.settings.workers, _log)
        head = {"dataset": dataset.name, "dataset_hash": runner.dataset_hash(dataset.examples), "split": options.split}
    if options.json:
        _out(json.dumps({**head, "dialect": options.dialect, **stored.as_json(scoring)}, ensure_ascii=False, indent=1))
        return
    said = f"{head['dataset']} ({head['split']}, data {head['dataset_hash']}), predictions read as {options.dialect}"
    _out(f"share right under each rule on {said}, with 95 % Wilson interval\n{stored.as_text(scoring)}")


def _score_pairs(options: argparse.Namespace) -> None:
    from nl2sql_arena.benchmark import pairs
    from nl2sql_arena.sandbox import Sandbox

    given = pairs.read(options.pairs)
    with Sandbox(workers=1) as sandbox:
        for found in pairs.score(given, options.db_root or options.pairs.parent, _settings(options).data / "published", sandbox):
            row = asdict(found)
            _out(json.dumps(row, ensure_ascii=False) if options.json else "  ".join(f"{name} {value}" for name, value in row.items()))


def _bench_difficulty(options: argparse.Namespace) -> None:
    try:
        lines = options.file.read_bytes().splitlines()
    except OSError as problem:
        raise BadInput(f"{options.file} cannot be read ({problem.strerror}); name a JSONL file.") from problem
    for number, row in _rows(lines, "sql"):
        _out(json.dumps({"id": row.get("id", row.get("idx", number)), **_difficulty(row)}, ensure_ascii=False))


def _difficulty(row: dict[str, Any]) -> dict[str, Any]:
    """Levels and features of one query; without them, and with the reason, when it does not parse, so that the other rows are not lost."""
    query, dialect = row["sql"], row.get("dialect", "duckdb")
    try:
        return {"level": spider_level(query, dialect), "level_duckdb": duckdb_level(query, dialect), "features": features(query, dialect)}
    except BadInput as problem:
        return {"level": None, "level_duckdb": None, "features": [], "message": str(problem)}


def _log(line: str) -> None:
    sys.stderr.write(line + "\n")


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
    databases = database.catalogue(_settings(options))
    with tempfile.TemporaryDirectory() as folder:
        dataset = datasets.build(sources, databases, Path(folder), tuning.seed if tuning else options.seed, _log, measured=measured)
        found = report.report(dataset, reader)
    _out(json.dumps(found, ensure_ascii=False, indent=1) if options.json else report.as_text(found))


def _data_phrases(options: argparse.Namespace) -> None:
    from nl2sql_arena.training.generator import phrasebook, phrasebook_check

    with _services(options) as services:
        intents = phrasebook.read(options.file) if options.file else phrasebook.load(options.db)
        for line in phrasebook_check.check(services.engine.database(options.db), intents):
            _out(line)


def _train_adapt(options: argparse.Namespace) -> None:
    from nl2sql_arena.training.minis import adapt

    with _services(options) as services:
        if options.model not in services.cards:
            raise BadInput(f"There is no model '{options.model}'; `models list` shows them.")
        database = services.engine.database(options.db)
        out = options.out or services.settings.models / f"{options.model}-{database.name}"
        known = {name: each for name, each in services.databases.items() if name != database.name}
        work = services.settings.data / "training" / out.resolve().name
        card, models = services.cards[options.model], services.settings.models
        adapt.adapt(adapt.Adapted(card, models, database, known, out, work), options.minutes, options.seed, _log)


def _train_mini(options: argparse.Namespace, recipes: "dict[str, Recipe] | None" = None) -> None:
    from nl2sql_arena.training.minis.mini import train_minis

    with _services(options) as services:
        out = options.out or services.settings.models
        train_minis(out, services.databases, options.minutes, options.seed, _log, services.settings.data / "training", recipes)


def _train_sft(options: argparse.Namespace) -> None:
    from nl2sql_arena.training import recipe

    path = options.recipe.resolve()
    if recipe.trainer(path) == "scratch":
        options.out = (options.out or path.parent).parent
        _train_mini(options, recipe.with_base(path))
        return
    tuning = recipe.read_tuning(path)
    _needs_trl()
    from nl2sql_arena.training.sets import datasets
    from nl2sql_arena.training.tuning import tune

    with _services(options) as services:
        out = options.out or path.parent
        folders = tune.Folders(path.parent, out, services.settings.data / "training" / out.resolve().name)

        def build(data: Path) -> datasets.Dataset:
            return datasets.build(
                tuning.data, services.databases, data, tuning.seed, _log, tuning.evaluation.questions, tuning.measured
            )  # fmt: skip

        tune.sft(tuning, build, folders, services.sandbox, _log, options.again)


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
    with _services(options) as services:
        old, new = _old_and_new(options, services.settings.models, options.method)
        places = prefer.Places(old, new, services.settings.data / "training" / new.resolve().name)
        prefer.prefer(choices, rows, places, services.databases, _log, options.again)


def _train_merge(options: argparse.Namespace) -> None:
    from nl2sql_arena.training.tuning import merge

    with _services(options) as services:
        old, new = _old_and_new(options, services.settings.models, "merged")
        merge.merge(old, new, _log, options.again)


def _train_rows(options: argparse.Namespace) -> None:
    from nl2sql_arena.training.tuning import preference

    answers, questions = ([row for _, row in _rows(_text_of(path).encode().splitlines())] for path in (options.answers, options.questions))
    with _services(options) as services:
        found = preference.judged(questions, answers, services.engine.run)
        measured = preference.measured_questions(services.databases)
    kept = [row for row in found if not preference.is_measured(row, measured)]
    _log(f"{len(kept)} rows; {len(found) - len(kept)} left out, whose question models are measured on")
    for row in kept:
        _out(json.dumps(preference.as_json(row), ensure_ascii=False))


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
