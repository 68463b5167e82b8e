"""`bench ...`: run models over questions, list the runs, score stored predictions, tell levels of difficulty."""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nl2sql_arena.difficulty import AXES, duckdb_level, features, spider_level
from nl2sql_arena.errors import BadInput
from nl2sql_arena.terminal import add, log, models_of, opened_services, rows_of, settings_of, show, whole_number

if TYPE_CHECKING:
    from nl2sql_arena.benchmark.runner import Result


def commands(commands: Any) -> None:
    bench = commands.add_parser("bench", help="the offline benchmark").add_subparsers(required=True, metavar="COMMAND")
    run = add(bench, "run", _bench_run, "run models over a database's questions and score them")
    run.add_argument("--models", required=True)
    run.add_argument("--dataset", default="all", help="a sample database, all of them, or a folder with schema.sql and questions.jsonl")
    run.add_argument("--split", default="dev", choices=["dev", "test", "arena", "all"])
    run.add_argument("--limit", type=whole_number, default=0, help="at most this many questions of each database")
    run.add_argument("--axis", default="spider", choices=list(AXES), help="whose levels of difficulty (default: spider)")
    run.add_argument("--again", action="store_true", help="generate also what these very models have written before")
    run.add_argument("--json", action="store_true")
    add(bench, "runs", _bench_runs, "list the runs that are kept, newest first").add_argument("--json", action="store_true")
    score = add(bench, "score", _bench_score, "score stored predictions, without a model, under several rules at once")
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
    difficulty = add(bench, "difficulty", _bench_difficulty, "the level of each query of a JSONL file")
    difficulty.add_argument("file", type=Path)
    difficulty.add_argument("--json", action="store_true")


def _bench_run(options: argparse.Namespace) -> None:
    from nl2sql_arena.benchmark import figures, metrics, runner, runs
    from nl2sql_arena.hardware import detect

    models = models_of(options)
    with opened_services(options) as services:
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
        show(json.dumps(found, indent=1) if options.json else "\n".join(texts))


def _bench_runs(options: argparse.Namespace) -> None:
    from nl2sql_arena.benchmark import runs

    found = runs.listed(settings_of(options).data / "runs", runs.SHIPPED)
    if options.json:
        show(json.dumps([asdict(each) for each in found], ensure_ascii=False, indent=1))
        return
    for each in found:
        models = " against ".join(each.titles.values())
        show(f"{each.name}  {each.at}  {each.dataset} ({each.split}, data {each.dataset_hash}), {each.questions} questions: {models}")


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
    with opened_services(options) as services:
        if published:
            dataset = files.opened(published, services.sandbox, services.settings.data / "published", options.db_root, services.databases)
        else:
            names = list(services.databases) if options.dataset == "all" else [options.dataset]
            found = tuple(example for name in names for example in services.examples(name, "all"))
            dataset = files.Dataset(options.dataset, found, services.databases)
        dataset = files.of_split(dataset, options.split)
        predictions = stored.read_all(options.predictions, dataset.examples)
        scoring = stored.score(dataset, predictions, options.dialect, services.sandbox, services.settings.workers, log)
        head = {"dataset": dataset.name, "dataset_hash": runner.dataset_hash(dataset.examples), "split": options.split}
    if options.json:
        show(json.dumps({**head, "dialect": options.dialect, **stored.as_json(scoring)}, ensure_ascii=False, indent=1))
        return
    said = f"{head['dataset']} ({head['split']}, data {head['dataset_hash']}), predictions read as {options.dialect}"
    show(f"share right under each rule on {said}, with 95 % Wilson interval\n{stored.as_text(scoring)}")


def _score_pairs(options: argparse.Namespace) -> None:
    from nl2sql_arena.benchmark import pairs
    from nl2sql_arena.sandbox import Sandbox

    given = pairs.read(options.pairs)
    with Sandbox(workers=1) as sandbox:
        for found in pairs.score(given, options.db_root or options.pairs.parent, settings_of(options).data / "published", sandbox):
            row = asdict(found)
            show(json.dumps(row, ensure_ascii=False) if options.json else "  ".join(f"{name} {value}" for name, value in row.items()))


def _bench_difficulty(options: argparse.Namespace) -> None:
    try:
        lines = options.file.read_bytes().splitlines()
    except OSError as problem:
        raise BadInput(f"{options.file} cannot be read ({problem.strerror}); name a JSONL file.") from problem
    for number, row in rows_of(lines, "sql"):
        show(json.dumps({"id": row.get("id", row.get("idx", number)), **_difficulty(row)}, ensure_ascii=False))


def _difficulty(row: dict[str, Any]) -> dict[str, Any]:
    """Levels and features of one query; without them, and with the reason, when it does not parse, so that the other rows are not lost."""
    query, dialect = row["sql"], row.get("dialect", "duckdb")
    try:
        return {"level": spider_level(query, dialect), "level_duckdb": duckdb_level(query, dialect), "features": features(query, dialect)}
    except BadInput as problem:
        return {"level": None, "level_duckdb": None, "features": [], "message": str(problem)}
