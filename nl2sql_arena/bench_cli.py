"""`bench ...`: run models over questions, list the runs, score stored predictions, tell levels of difficulty."""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nl2sql_arena.difficulty import AXES, duckdb_level, features, spider_level
from nl2sql_arena.errors import BadInput
from nl2sql_arena.terminal import add, decoding, log, models_of, opened_services, rows_of, settings_of, show, whole_number

if TYPE_CHECKING:
    from nl2sql_arena.benchmark import metrics
    from nl2sql_arena.benchmark.files import Dataset
    from nl2sql_arena.benchmark.runner import Result
    from nl2sql_arena.benchmark.runs import Measured, StoredRun
    from nl2sql_arena.difficulty import Axis
    from nl2sql_arena.services import Services


def commands(commands: Any) -> None:
    bench = commands.add_parser("bench", help="the offline benchmark").add_subparsers(required=True, metavar="COMMAND")
    run = add(bench, "run", _bench_run, "run models over a database's questions and score them")
    run.add_argument("--models", required=True)
    run.add_argument(
        "--dataset", default="all",
        help="a sample database, all of them, a folder with schema.sql and questions.jsonl, or a benchmark's file or folder as published",
    )  # fmt: skip
    run.add_argument("--db-root", type=Path, help="the folder of a published benchmark's databases (default: beside its file)")
    run.add_argument("--split", help="dev, test, arena, all or another of the file's (default: dev; of a published benchmark all)")
    decoding(run)
    run.add_argument("--limit", type=whole_number, default=0, help="at most this many questions of each database")
    run.add_argument("--axis", default="spider", choices=list(AXES), help="whose levels of difficulty (default: spider)")
    run.add_argument("--again", action="store_true", help="generate also what these very models have written before")
    run.add_argument("--variants", action="store_true", help="then run right answers on other rows, too: which matched by luck?")
    run.add_argument(
        "--robustness", nargs="?", const="all", default="", metavar="SLICES",
        help="then ask the same questions in other guises: paraphrase, synonyms, typos, columns, distractors, names (default: all six)",
    )  # fmt: skip
    run.add_argument(
        "--efficiency", type=whole_number, nargs="?", const=12, default=0, metavar="REPEATS",
        help="then time right answers against their golds, one at a time: BIRD's R-VES (default: 12 repeats)",
    )  # fmt: skip
    run.add_argument("--json", action="store_true")
    add(bench, "runs", _bench_runs, "list the runs that are kept, newest first").add_argument("--json", action="store_true")
    written = add(bench, "report", _bench_report, "a kept run as a written report: HTML, Markdown or JSON")
    written.add_argument("run", nargs="?", default="", help="a run's name or file (default: the latest whole one)")
    written.add_argument(
        "--out", type=Path, help="a .html file that needs nothing else, or a .md file (default: Markdown to standard output)"
    )
    written.add_argument("--axis", default="spider", choices=list(AXES), help="whose levels of difficulty (default: spider)")
    written.add_argument("--study", action="store_true", help="under the headings of a paper")
    written.add_argument("--json", action="store_true", help="the same numbers")
    compared = add(bench, "compare", _bench_compare, "two runs of the same questions: what was gained and lost, by question")
    compared.add_argument("before", help="a run's name or file")
    compared.add_argument("after", help="a later run's name or file")
    compared.add_argument("--json", action="store_true")
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
    checked = add(bench, "verify", _bench_verify, "check what was published of a model against its weights as they run here")
    claim = checked.add_mutually_exclusive_group(required=True)
    claim.add_argument("--questions", type=Path, metavar="CSV", help="sql-eval's questions (data/questions_gen_postgres.csv), for SQLCoder")
    claim.add_argument(
        "--outputs", type=Path, nargs="+", metavar="JSON", help="what the author of the public Phi-2 fine-tune stored (phi2_eval_df_c.json)"
    )
    checked.add_argument("--db-root", type=Path, help="the folder of the questions' databases (default: beside their file)")
    checked.add_argument("--model", default="", help="the contestant (default: sqlcoder-7b-2, or phi-2-nl2sql for --outputs)")
    checked.add_argument("--limit", type=whole_number, default=0, help="at most so many questions of each database, or outputs: a trial")
    checked.add_argument("--json", action="store_true")
    difficulty = add(bench, "difficulty", _bench_difficulty, "the level of each query of a JSONL file")
    difficulty.add_argument("file", type=Path)
    difficulty.add_argument("--json", action="store_true")


def _bench_run(options: argparse.Namespace) -> None:
    from nl2sql_arena.benchmark import files, metrics, robustness, runner, runs
    from nl2sql_arena.hardware import detect

    models = models_of(options)
    if options.robustness:
        robustness.chosen(options.robustness)
    published = _published(options)
    split = options.split or ("all" if published else "dev")
    with opened_services(options) as opened:
        kinds = {opened.cards[name].kind for name in models if name in opened.cards} - {"baseline"}
        if len(kinds) > 1:
            raise BadInput("A run holds real models or minis, never both; run them apart.")
        wanted = files.first_of_each(files.of_split(_dataset(options, opened, published), split), options.limit)
        dataset = files.askable(wanted) if published else wanted
        services = opened.joined(dataset.databases).decoded(options.decoding)
        chosen = f"the first {options.limit} of each database" if options.limit else ""
        about = runs.measured(services, models, dataset.examples, dataset.name, split, detect().name, chosen)
        unasked = len(wanted.examples) - len(dataset.examples)
        about = replace(about, unusable=dataset.unusable, unasked=unasked, gold_repairs=dataset.repairs)
        path = runs.folder_of(services) / f"{about.name}.jsonl"
        with _stopping_with_a_word(path):
            made = runner.run(services, models, dataset.examples, again=options.again)
            results = _followed(runs.kept(path.parent, about, made), len(models) * len(dataset.examples))
            results = metrics.leveled(results, options.axis)
            found, texts = _told(services, about, results, options.axis)
            for name, (shown, text) in _passes(options, services, models, results):
                found[name] = shown
                texts.append(text)
                runs.keep_passes(path, {name: shown})
        show(json.dumps(found, ensure_ascii=False, indent=1) if options.json else "\n".join(texts))


def _told(services: "Services", about: "Measured", results: "Sequence[Result]", axis: "Axis") -> tuple[dict[str, Any], list[str]]:
    """What a run has measured, as JSON and as texts."""
    from nl2sql_arena.benchmark import figures, metrics

    shares = figures.accuracy(results)
    further = metrics.measure(results, services.clauses(metrics.queries(results)))
    found = {
        "run": about.name,
        "dataset": about.dataset,
        "dataset_hash": about.dataset_hash,
        "split": about.split,
        "models": figures.as_json(shares),
        "abstention": {model: _abstention(results, model) for model in shares},
        "axis": axis,
        "metrics": {model: metrics.as_json(each) for model, each in further.items()},
        "unasked": about.unasked,
        "unusable_golds": [asdict(each) for each in about.unusable],
        "gold_repairs": {name: list(repairs) for name, repairs in about.gold_repairs.items()},
    }
    return found, [_figures_text(found), *map(metrics.as_text, further.values()), *_unusable_text(about)]


def _passes(
    options: argparse.Namespace, services: "Services", models: Sequence[str], results: "Sequence[Result]"
) -> Iterator[tuple[str, tuple[dict[str, Any], str]]]:
    """The further passes over a run that are asked for: name, what it found as JSON and as text."""
    if options.robustness:
        from nl2sql_arena.benchmark import robustness, runner

        log("Putting the questions into other guises ...")
        asked = {(each.example.db, each.example.id): each.example for each in results}
        guises = robustness.pose(services, tuple(asked.values()), robustness.chosen(options.robustness))
        examples = [each.example for each in guises.posed]
        made = runner.run(services.joined(guises.databases), models, examples, again=options.again)
        found = robustness.paired(guises, results, _followed(made, len(models) * len(examples)))
        yield "robustness", (robustness.as_json(found), robustness.as_text(found))
    if options.variants:
        from nl2sql_arena.benchmark import variants

        log("Running right answers on other rows ...")
        checked = variants.check(services, results)
        yield "variants", (variants.as_json(checked), variants.as_text(checked))
    if options.efficiency:
        from nl2sql_arena.benchmark import efficiency
        from nl2sql_arena.types import SCORE

        def told(done: int, total: int) -> None:
            sys.stderr.write(f"\r{done} of {total} right answers timed {'' if done < total else chr(10)}")

        timed = efficiency.measure(lambda db, sql: services.engine.run(db, sql, SCORE), results, options.efficiency, told)
        yield "efficiency", (efficiency.as_json(timed, options.efficiency, options.axis), efficiency.as_text(timed, options.efficiency))


def _published(options: argparse.Namespace) -> Path | None:
    """The file or folder that --dataset names, where it is of a benchmark as it is published; not a database, nor its folder."""
    path = Path(options.dataset)
    if not path.exists() or path.suffix == ".duckdb" or (path / "schema.sql").is_file():
        return None
    options.dataset = "all"  # no database of one's own is to be opened
    return path


def _dataset(options: argparse.Namespace, services: "Services", published: Path | None) -> "Dataset":
    """All questions that --dataset means. Raises BadInput, BadDatabase, Infrastructure."""
    from nl2sql_arena.benchmark import files

    if published:
        log(f"Reading the questions, golds and databases of {published} ...")
        return files.opened(published, services.sandbox, services.settings.data / "published", options.db_root, services.databases)
    names = list(services.databases) if options.dataset == "all" else [options.dataset]
    found = tuple(example for name in names for example in services.examples(name, "all"))
    return files.Dataset(options.dataset, found, {name: services.engine.database(name) for name in names})


def _followed(results: "Iterator[Result]", total: int) -> "list[Result]":
    """The results, with a line that tells how far they are."""
    from nl2sql_arena.benchmark.eta import Eta

    found: list[Result] = []
    began, eta = time.monotonic(), Eta()
    for result in results:
        found.append(result)
        eta.note()
        left = eta.left(total - len(found))
        until = "" if left is None else f", about {left:.0f} s left"
        sys.stderr.write(f"\r{len(found)} of {total} answers, {time.monotonic() - began:.0f} s{until}    ")
    sys.stderr.write("\n")
    return found


@contextmanager
def _stopping_with_a_word(path: Path) -> Iterator[None]:
    """A Ctrl-C in the block says what is kept and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        log(f"\nStopped: the answers so far are kept in {path}, and the same command, without --again, goes on where this one was.")
        raise


def _unusable_text(about: "Measured") -> list[str]:
    """What could not be compared with, a gold a line."""
    if not about.unusable:
        return []
    head = f"{len(about.unusable)} golds that cannot be compared with; {about.unasked} questions were not asked for it"
    return [head, *(f"  {each.id} ({each.db}): {each.reason}" for each in about.unusable)]


def _bench_runs(options: argparse.Namespace) -> None:
    from nl2sql_arena.benchmark import runs

    found = runs.listed(settings_of(options).data / "runs", runs.SHIPPED)
    if options.json:
        show(json.dumps([asdict(each) for each in found], ensure_ascii=False, indent=1))
        return
    for each in found:
        models = " against ".join(each.titles.values())
        show(f"{each.name}  {each.at}  {each.dataset} ({each.split}, data {each.dataset_hash}), {each.questions} questions: {models}")


def _bench_report(options: argparse.Namespace) -> None:
    from nl2sql_arena.benchmark import document, metrics, report, runs, study, verify

    out: Path | None = options.out
    if out and out.suffix not in (".html", ".md"):
        raise BadInput(f"--out {out} is neither .html nor .md; name a file of one of them.")
    run = _kept(options, options.run)
    with opened_services(options) as services:
        checks = verify.read(services.settings.data / verify.FILE, verify.SHIPPED)
        found = runs.read_passes(run.path) if run.path else {}
        about = report.told(run, options.axis, _clauses(services, metrics.queries(run.results)), found, checks)
    if options.json:
        show(json.dumps(report.as_json(about), ensure_ascii=False, indent=1))
        return
    made = study.study(about) if options.study else report.report(about)
    if out is None:
        show(document.markdown(made).rstrip("\n"))
        return
    try:
        out.write_text(document.html(made) if out.suffix == ".html" else document.markdown(made), encoding="utf-8")
    except OSError as problem:
        raise BadInput(f"{out} cannot be written ({problem.strerror}); name another file after --out.") from problem
    log(f"Written to {out}.")


def _kept(options: argparse.Namespace, name: str) -> "StoredRun":
    """The kept run of that name or file, else the latest. Raises BadInput."""
    from nl2sql_arena.benchmark import runs

    folders = settings_of(options).data / "runs", runs.SHIPPED
    run = runs.find(name, *folders) if name else runs.latest(*folders)
    if run is None:
        raise BadInput("There is no whole run yet; make one with `bench run`.")
    return run


def _clauses(services: "Services", queries: "Sequence[tuple[str, str]]") -> "metrics.Read":
    """The clauses of the queries on databases that are here; those of others are not compared."""
    return services.clauses([(db, sql) for db, sql in queries if db in services.databases])


def _bench_compare(options: argparse.Namespace) -> None:
    from nl2sql_arena.benchmark import changes, figures, metrics

    before, after = _kept(options, options.before), _kept(options, options.after)
    found = changes.between(before, after)
    if options.json:
        rows = [
            {
                "before": each.before,
                "after": each.after,
                "paired": metrics.as_json(each.paired),
                "gains": [_question(pair) for pair in each.gains],
                "losses": [_question(pair) for pair in each.losses],
            }
            for each in found
        ]
        show(json.dumps({"before": before.measured.name, "after": after.measured.name, "models": rows}, ensure_ascii=False, indent=1))
        return
    for each in found:
        change = each.paired.difference
        points = f"{100 * change.value:+.1f} points ({100 * change.low:+.1f} to {100 * change.high:+.1f}) on {each.paired.n} questions"
        holm = f" ({figures.p_said(each.paired.p_holm)} after Holm over {len(found)} contestants)" if len(found) > 1 else ""
        who = each.after if each.before == each.after else f"{each.after} after {each.before}"
        show(
            f"{who}: {points if each.paired.n else 'no question that both scored'}, McNemar's exact p {figures.p_said(each.paired.p)}{holm}"
        )
        for word, pairs in (("gained", each.gains), ("lost", each.losses)):
            show(f"  {word}: {len(pairs)}")
            for pair in pairs:
                show(f"    {pair[1].example.id}: {pair[1].example.question}")


def _question(pair: "tuple[Result, Result]") -> dict[str, str]:
    return {"id": pair[1].example.id, "db": pair[1].example.db, "question": pair[1].example.question}


def _abstention(results: "Sequence[Result]", model: str) -> dict[str, int]:
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

    published = _published(options)
    with opened_services(options) as services:
        dataset = files.of_split(_dataset(options, services, published), options.split)
        predictions = stored.read_all(options.predictions, dataset.examples)
        scoring = stored.score(dataset, predictions, options.dialect, services.sandbox, services.settings.workers, log)
        head = {"dataset": dataset.name, "dataset_hash": runner.dataset_hash(dataset.examples), "split": options.split}
    if options.json:
        show(json.dumps({**head, "dialect": options.dialect, **stored.as_json(scoring)}, ensure_ascii=False, indent=1))
        return
    said = f"{head['dataset']} ({head['split']}, data {head['dataset_hash']}), predictions read as {options.dialect}"
    show(f"share right under each rule on {said}, with 95 % Wilson interval\n{stored.as_text(scoring)}")


def _bench_verify(options: argparse.Namespace) -> None:
    from nl2sql_arena.benchmark import files, verify
    from nl2sql_arena.hardware import detect

    stored = [each for path in options.outputs or () for each in verify.outputs(path)]
    with opened_services(options) as services:
        hardware = detect().name
        if options.questions:
            log(f"Reading the questions, golds and databases of {options.questions} ...")
            cache = services.settings.data / "published"
            found = files.opened(options.questions, services.sandbox, cache, options.db_root, services.databases)
            asked = files.askable(files.first_of_each(found, options.limit))
            check = verify.sql_eval(services, options.model or verify.SQL_EVAL.model, asked, hardware, log=_one_line)
        else:
            some = stored[: options.limit] if options.limit else stored
            check = verify.stored_outputs(services, options.model or verify.STORED_OUTPUTS.model, some, hardware, log=_one_line)
        path = verify.keep(check, services.settings.data)
    log("")
    show(json.dumps(asdict(check), ensure_ascii=False, indent=1) if options.json else verify.as_text(check))
    log(f"Kept in {path}, which the page's About tab reads.")


def _one_line(text: str) -> None:
    sys.stderr.write(f"\r{text} ")


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
