"""Runs, each kept whole in one file that only grows: a line that says what was measured on what, then a line for each answer as it comes.

A file is read back as the same results, so that the tab, the report and a comparison show a run of today and one of last month alike. Of
result tables the first rows are kept, of prompts nothing but what was pruned: both can be made anew. A run whose process was ended is
read as far as it came and is not `complete`.
"""

import json
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nl2sql_arena.benchmark.files import Unusable
from nl2sql_arena.benchmark.runner import Result, dataset_hash
from nl2sql_arena.database import whole
from nl2sql_arena.difficulty import spider_level
from nl2sql_arena.errors import BadInput
from nl2sql_arena.services import Services
from nl2sql_arena.settings import ROOT
from nl2sql_arena.types import Answer, Completion, Example, Execution, Generation, Kind, Prepared, Prompt, ResultColumn, Score

FORMAT = 1
KEPT_ROWS = 10
"""Rows of a result table that a run's file keeps."""
LIBRARIES = ("torch", "transformers", "peft", "duckdb")
SHIPPED = ROOT / "benchmarks" / "runs"


def short(title: str) -> str:
    """A title up to its first comma or bracket."""
    return title.partition(",")[0].partition(" (")[0]


@dataclass(frozen=True)
class Contestant:
    """A model as it ran: `prompt` is the name of its prompt format, `revision` of its weights, `precision` with the device."""

    name: str
    title: str
    kind: Kind
    licence: str
    prompt: str
    revision: str
    precision: str
    generation: Generation


@dataclass(frozen=True)
class Measured:
    """What a run measured on what. `chosen` says how questions were chosen where not all were asked; `at` is UTC, ISO 8601.

    Of a published data set, `unusable` lists the golds that cannot be compared with, and with them the `unasked` questions that had no
    other; `gold_repairs` has the repairs of a question's golds. `databases` are those of the questions that were asked.
    """

    name: str
    at: str
    dataset: str
    dataset_hash: str
    split: str
    questions: int
    chosen: str
    databases: tuple[str, ...]
    scorer: str
    hardware: str
    libraries: Mapping[str, str]
    contestants: tuple[Contestant, ...]
    unusable: tuple[Unusable, ...] = ()
    unasked: int = 0
    gold_repairs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def titles(self) -> dict[str, str]:
        """Model -> the title to show."""
        return {each.name: each.title for each in self.contestants}

    @property
    def names(self) -> dict[str, str]:
        """Model -> a short title for tables and menus; the whole one where two would read alike."""
        given = {name: short(title) for name, title in self.titles.items()}
        return {name: said if list(given.values()).count(said) == 1 else self.titles[name] for name, said in given.items()}


@dataclass(frozen=True)
class StoredRun:
    measured: Measured
    results: tuple[Result, ...]
    path: Path | None = None

    @property
    def complete(self) -> bool:
        return len(self.results) == self.measured.questions * len(self.measured.contestants)


def measured(
    services: Services, models: Sequence[str], examples: Sequence[Example], dataset: str, split: str, hardware: str, chosen: str = "",
    scorer: str = "strict",
) -> Measured:  # fmt: skip
    """What is about to be measured; loads the models. Raises BadInput for an unknown name and ModelUnavailable."""
    moment = datetime.now(UTC)
    data = dataset_hash(examples)
    told = sha256(f"{sorted(models)} {data} {moment.isoformat()}".encode()).hexdigest()[:6]
    return Measured(
        name=f"{moment:%Y-%m-%d-%H%M}-{split}-{told}",
        at=moment.isoformat(timespec="seconds"),
        dataset=dataset,
        dataset_hash=data,
        split=split,
        questions=len(examples),
        chosen=chosen,
        databases=tuple(dict.fromkeys(example.db for example in examples)),
        scorer=scorer,
        hardware=hardware,
        libraries={name: version(name) for name in LIBRARIES} | {"python": platform.python_version()},
        contestants=tuple(_contestant(services, name) for name in models),
    )


def _contestant(services: Services, name: str) -> Contestant:
    precision = services.engine.backend(name).precision
    card = services.cards[name]
    return Contestant(name, card.title, card.kind, card.licence, card.format, services.revision(name), precision, card.generation)


def kept(folder: Path, about: Measured, results: Iterable[Result]) -> Iterator[Result]:
    """The same results, each written to the run's file in `folder` before it is passed on. Raises BadInput where that cannot be written."""
    path = folder / f"{about.name}.jsonl"
    _append(path, {"format": FORMAT, **asdict(about)})
    for result in results:
        _append(path, _row(result))
        yield result


def keep_passes(path: Path, passes: Mapping[str, Any]) -> None:
    """Keep what further passes over the run in that file have found, as `bench run --json` prints it. Raises BadInput."""
    try:
        with whole(_passes_path(path)) as draft:
            draft.write_text(json.dumps({**read_passes(path), **passes}, ensure_ascii=False, indent=1), encoding="utf-8")
    except OSError as problem:
        said = f"{_passes_path(path)} cannot be written ({problem.strerror}); free space or choose another ARENA_DATA."
        raise BadInput(said) from problem


def read_passes(path: Path) -> dict[str, Any]:
    """What passes over the run in that file have found: `variants`, `efficiency`, `robustness`; those that were made. Raises BadInput."""
    kept_in = _passes_path(path)
    try:
        found = json.loads(kept_in.read_text(encoding="utf-8")) if kept_in.is_file() else {}
    except (OSError, ValueError) as problem:
        raise BadInput(f"{kept_in} cannot be read ({problem}); delete it and run again.") from problem
    if not isinstance(found, dict):
        raise BadInput(f"{kept_in} does not hold what passes over a run have found; delete it and run again.")
    return found


def _passes_path(path: Path) -> Path:
    return path.with_suffix(".passes.json")


def _append(path: Path, row: Mapping[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as out:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    except OSError as problem:
        said = f"The run's file {path} cannot be written ({problem.strerror}); free space or choose another ARENA_DATA."
        raise BadInput(said) from problem


def _row(result: Result) -> dict[str, Any]:
    answer, execution = result.answer, result.answer.execution
    completion = {name: value for name, value in asdict(answer.completion).items() if name not in ("id", "model")}
    return {
        "model": answer.model,
        "example": asdict(result.example),
        "pruned": answer.prompt.pruned,
        "completion": completion,
        "prepared": asdict(answer.prepared),
        "execution": asdict(replace(execution, rows=execution.rows[:KEPT_ROWS])),
        "precision": answer.precision,
        "seconds": answer.seconds,
        "beams": answer.beams,
        "context": answer.context,
        "max_new_tokens": answer.max_new_tokens,
        "score": asdict(result.score),
    }


def read(path: Path) -> StoredRun:
    """A run as far as it came. Raises BadInput naming the file for one that cannot be read or is not a run's."""
    lines = _lines(path)
    about = _measured(path, lines[:1])
    results = []
    for number, line in enumerate(lines[1:], 2):
        try:
            results.append(_result(json.loads(line)))
        except (ValueError, KeyError, TypeError) as problem:
            if number < len(lines):
                raise BadInput(f"{path} line {number} is no answer of a run ({problem}); delete the file and run again.") from problem
            # the process that wrote the last line was ended
    return StoredRun(about, tuple(results), path)


def text(path: Path, is_left_out: Callable[[Example], bool]) -> str:
    """A run's file without the answers to some questions, and without a last line that is not whole. Raises BadInput."""
    first, *lines = _lines(path) or [b""]
    _measured(path, [first])
    found = [first.decode()]
    for line in lines:
        try:
            example = _example(json.loads(line))
        except (ValueError, KeyError, TypeError):
            continue  # its process was ended here, or is at it
        if not is_left_out(example):
            found.append(line.decode())
    return "\n".join(found) + "\n"


def listed(*folders: Path) -> list[Measured]:
    """The runs of the folders, newest first, by their first lines; files that are no runs are passed over."""
    return [about for about, _ in _found(folders)]


def find(name: str, *folders: Path) -> StoredRun:
    """The run of that name, or of that file. Raises BadInput with the names there are."""
    if Path(name).is_file():
        return read(Path(name))
    found = _found(folders)
    for about, path in found:
        if about.name == name:
            return read(path)
    names = ", ".join(about.name for about, _ in found[:10]) or "none yet; make one with `bench run`"
    raise BadInput(f"There is no run '{name}'; there is: {names}.")


def latest(*folders: Path) -> StoredRun | None:
    """The newest run that is complete."""
    for _, path in _found(folders):
        run = read(path)
        if run.complete:
            return run
    return None


def folder_of(services: Services) -> Path:
    """Where this arena's own runs are kept."""
    return services.settings.data / "runs"


def _found(folders: Sequence[Path]) -> list[tuple[Measured, Path]]:
    """Newest first."""
    found = []
    for path in (path for folder in folders for path in sorted(folder.glob("*.jsonl"))):
        try:
            found.append((_measured(path, _first(path)), path))
        except BadInput:
            continue  # the log of completions, or a file of somebody else
    return sorted(found, key=lambda each: each[0].at, reverse=True)


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except OSError as problem:
        raise BadInput(f"{path} cannot be read ({problem.strerror}); name a run of `bench runs` or its file.") from problem


def _first(path: Path) -> list[bytes]:
    try:
        with path.open("rb") as file:
            return [file.readline()]
    except OSError:
        return []


def _measured(path: Path, first: Sequence[bytes]) -> Measured:
    try:
        fields = json.loads(first[0])
        if fields.pop("format") != FORMAT:
            raise BadInput(f"{path} is a run of another version of this program; run it again.")
        who = [each | {"generation": Generation(**each["generation"])} for each in fields["contestants"]]
        fields["contestants"] = tuple(Contestant(**each) for each in who)
        fields["databases"] = tuple(fields["databases"])
        fields["unusable"] = tuple(Unusable(**each) for each in fields.get("unusable", ()))
        fields["gold_repairs"] = {name: tuple(repairs) for name, repairs in fields.get("gold_repairs", {}).items()}
        return Measured(**fields)
    except (IndexError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise BadInput(f"{path} is no run's file; name one that `bench run` wrote.") from problem


def _result(row: Mapping[str, Any]) -> Result:
    example = _example(row)
    model, ran = row["model"], row["execution"]
    execution = Execution(**ran | {
        "columns": tuple(ResultColumn(**column) for column in ran["columns"]), "rows": tuple(tuple(cells) for cells in ran["rows"])
    })  # fmt: skip
    answer = Answer(
        id=example.id,
        model=model,
        db=example.db,
        question=example.question,
        prompt=Prompt("", "", pruned=tuple(row["pruned"])),
        completion=Completion(example.id, model, **row["completion"]),
        prepared=Prepared(**row["prepared"] | {"repairs": tuple(row["prepared"]["repairs"])}),
        execution=execution,
        precision=row["precision"],
        seconds=row["seconds"],
        beams=row.get("beams", 1),
        context=row.get("context", 0),
        max_new_tokens=row.get("max_new_tokens", 0),
    )
    level = spider_level(example.gold_sql[0]) if example.gold_sql else None
    return Result(example, level, answer, Score(**row["score"]))


def _example(row: Mapping[str, Any]) -> Example:
    return Example(**row["example"] | {"gold_sql": tuple(row["example"]["gold_sql"])})
