"""Whether a published model, as it runs here, does what was published of it; nothing else lets the page call its weights verified.

Two claims can be checked. SQLCoder-7B-2 answers sql-eval's questions under sql-eval's own prompt and rule of scoring, with 4 beams; the
public Phi-2 fine-tune continues the very prompts whose outputs its author stored. What differs from the published setting is said with
every verdict. Weights that are not the published ones, such as small random ones of the same class, go the same way and are never called
verified. A check can be ended and goes on where it was.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from nl2sql_arena.benchmark import runner, stored
from nl2sql_arena.benchmark.files import Dataset
from nl2sql_arena.benchmark.log import remembering
from nl2sql_arena.database import whole
from nl2sql_arena.errors import BadInput
from nl2sql_arena.prompts import FENCE
from nl2sql_arena.services import Services
from nl2sql_arena.settings import ROOT
from nl2sql_arena.stats import newcombe_paired, wilson
from nl2sql_arena.types import Completion, Generation, GenerationRequest, Interval, ModelCard, Prompt

Verdict = Literal["reproduced", "not reproduced", "not decided", "stand-in"]
Log = Callable[[str], None]
FILE = "verified.json"
SHIPPED = ROOT / "benchmarks" / FILE
UNVERIFIED = "not yet verified on real weights by this project"
LEAST = 150
"""Questions below which a check decides nothing: at 90 % the interval is then wider than 10 points."""
BEAMS = 4
LEAST_ALIKE = 0.5
"""Share of outputs that must be the author's word for word. He sampled at temperature 0.2, so that not all can be."""
SHORT, LONG = 50, 150
"""Tokens that the author let the model write."""


@dataclass(frozen=True)
class Claim:
    """What was published: of which weights (hub id and number of parameters), which share on how many questions, and where."""

    name: str
    model: str
    weights: str
    parameters: int
    source: str
    published: float = 0.0
    published_n: int = 0
    least: int = LEAST


SQL_EVAL = Claim(
    name="sql-eval",
    model="sqlcoder-7b-2",
    weights="defog/sqlcoder-7b-2",
    parameters=6_738_546_688,
    source="README of defog-ai/sqlcoder, results with num_beams=4",
    published=0.905,
    published_n=200,
)
STORED_OUTPUTS = Claim(
    name="stored outputs",
    model="phi-2-nl2sql",
    weights="pavankumarbalijepalli/phi2-sqlcoder",
    parameters=2_779_683_840,
    source="notebooks of pavankumarbalijepalli/pr-phi2-vs-defog",
)


@dataclass(frozen=True)
class Check:
    """One check with its verdict. `share` is measured here, `published` elsewhere on `published_n` questions; `at` is UTC, ISO 8601.

    `reason` says why weights are taken for a stand-in; `figures` are further ones by their names; `remarks` say what differs from the
    published setting.
    """

    claim: str
    model: str
    title: str
    weights: str
    revision: str
    precision: str
    decoding: str
    hardware: str
    at: str
    verdict: Verdict
    share: Interval
    published: float
    published_n: int
    source: str
    reason: str
    figures: Mapping[str, Interval]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Output:
    """A prompt that somebody gave to a model, what that wrote, and the gold; `cap` is how many tokens it might write."""

    prompt: str
    text: str
    gold: str
    cap: int


def sql_eval(
    services: Services, model: str, dataset: Dataset, hardware: str, claim: Claim = SQL_EVAL, log: Log = lambda _line: None
) -> Check:
    """The model's share on sql-eval's questions by sql-eval's rule. Raises BadInput, ModelUnavailable, Infrastructure."""
    card = _real(services, model)
    asked = replace(card, format="sqlcoder-7b-2-sql-eval", generation=replace(card.generation, num_beams=BEAMS))
    cards = {**services.cards, model: asked}
    joined = replace(services, cards=cards, engine=services.engine.under(cards)).joined(dataset.databases)
    reason = stand_in(card, joined, claim)
    kept = [replace(each, gold_sql=golds) for each in dataset.examples if (golds := _running(dataset, each.id, each.gold_sql))]
    predictions: dict[str, stored.Prediction] = {}
    for result in runner.run(joined, [model], kept):
        outcome = result.answer.outcome if result.answer.outcome in stored.NOT_RUN else ""
        predictions[result.answer.id] = stored.Prediction(result.answer.prepared.sql, outcome)
        log(f"{len(predictions)} of {len(kept)} answers")
    judged = replace(dataset, examples=tuple(kept), unusable=())
    scoring = stored.score(judged, {model: predictions}, "duckdb", services.sandbox, services.settings.workers)
    share = scoring.interval(model, "sql-eval")
    total = len({each.id for each in dataset.examples} | {each.id for each in dataset.unusable})
    return _check(
        claim, joined, model, hardware, f"{BEAMS} beams", reason, share, claim.published, claim.published_n,
        verdict=_decided(share.low <= claim.published <= share.high, share.n, claim, reason),
        figures={"by this project's own rule": scoring.interval(model, "strict")},
        remarks=(
            f"The set has changed since: {claim.published_n} questions then, {total} taken here, of which "
            f"{total - share.n} are not scored here (no gold that runs on DuckDB, a question that cannot be asked, or a failure of ours).",
            "Golds and answers run on DuckDB, translated from PostgreSQL; sql-eval runs PostgreSQL.",
            f"sql-eval lowers its {BEAMS} beams for prompts of more than 1,024 tokens; here they stay {BEAMS}.",
            "What columns mean is in the prompt only where these databases say it.",
        ),
    )  # fmt: skip


def stored_outputs(
    services: Services, model: str, outputs: Sequence[Output], hardware: str, claim: Claim = STORED_OUTPUTS, log: Log = lambda _line: None
) -> Check:
    """How often the model writes the gold word for word, beside how often the author's outputs are it.

    Raises BadInput, ModelUnavailable.
    """
    card = _real(services, model)
    reason = stand_in(card, services, claim)
    backend = services.engine.backend(model)
    fitting = {str(i): each for i, each in enumerate(outputs) if backend.count_tokens(each.prompt) + each.cap < backend.context}
    requests = [GenerationRequest(name, model, Prompt("", each.prompt, (FENCE,)), Generation(each.cap)) for name, each in fitting.items()]
    generate = remembering(services.engine.generate, runner.run_log(services), runner.identity_of(services))
    written: dict[str, Completion] = {}
    for completion in generate(requests, None, None):
        written[completion.id] = completion
        log(f"{len(written)} of {len(requests)} answers")
    pairs = [(_plain(done.text), fitting[name]) for name, done in written.items() if not done.failure]
    mine = [text == _plain(each.gold) for text, each in pairs]
    theirs = [_plain(each.text) == _plain(each.gold) for _, each in pairs]
    both, neither = sum(map(all, zip(mine, theirs, strict=True))), sum(not (a or b) for a, b in zip(mine, theirs, strict=True))
    difference = newcombe_paired(both, sum(mine) - both, sum(theirs) - both, neither)
    alike = wilson(sum(text == _plain(each.text) for text, each in pairs), len(pairs))
    published = sum(theirs) / len(pairs) if pairs else 0.0
    return _check(
        claim, services, model, hardware, "greedy", reason, wilson(sum(mine), len(pairs)), published, len(pairs),
        verdict=_decided(difference.low <= 0 <= difference.high and alike.value >= LEAST_ALIKE, len(pairs), claim, reason),
        figures={"outputs that are the author's word for word": alike, "difference to the author's outputs": difference},
        remarks=(
            "Right means the gold word for word, blanks and a last semicolon aside: the only thing that the stored outputs can be held to.",
            "The author sampled at temperature 0.2 from 16-bit GGUF weights in llama.cpp with a context of 512 tokens; here it is greedy.",
            f"{len(outputs) - len(pairs)} of {len(outputs)} prompts are not counted (too long for this context, or a failure of ours).",
        ),
    )  # fmt: skip


def stand_in(card: ModelCard, services: Services, claim: Claim) -> str:
    """Why these weights are not the published ones; empty when nothing speaks against it. Loads the model."""
    if card.base.id != claim.weights or card.adapter:
        named = " + ".join(each.id for each in (card.base, card.adapter) if each)
        return f"its card names {named}, and the claim is about {claim.weights}"
    found = getattr(services.engine.backend(card.name), "parameters", 0)
    if found != claim.parameters:
        return f"these weights have {found:,} parameters, and {claim.weights} has {claim.parameters:,}"
    return ""


def _real(services: Services, model: str) -> ModelCard:
    """Raises BadInput for what is no published contestant."""
    if model not in services.cards:
        raise BadInput(f"There is no model '{model}'; choose one of {', '.join(services.cards)}.")
    card = services.cards[model]
    if card.kind != "real":
        raise BadInput(f"{card.title} is no published model, of which anything could be verified; name a real contestant with --model.")
    return card


def _running(dataset: Dataset, identity: str, golds: Sequence[str]) -> tuple[str, ...]:
    return tuple(sql for sql in golds if (identity, sql) not in dataset.failing)


def _decided(is_alike: bool, n: int, claim: Claim, reason: str) -> Verdict:
    if reason:
        return "stand-in"
    if n < claim.least:
        return "not decided"
    return "reproduced" if is_alike else "not reproduced"


def _plain(text: str) -> str:
    return " ".join(text.split()).rstrip("; ")


def _check(
    claim: Claim, services: Services, model: str, hardware: str, decoding: str, reason: str, share: Interval, published: float,
    published_n: int, *, verdict: Verdict, figures: Mapping[str, Interval], remarks: tuple[str, ...],
) -> Check:  # fmt: skip
    card = services.cards[model]
    return Check(
        claim=claim.name,
        model=model,
        title=card.title,
        weights=" + ".join(each.id for each in (card.base, card.adapter) if each),
        revision=services.revision(model),
        precision=services.engine.backend(model).precision,
        decoding=decoding,
        hardware=hardware,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        verdict=verdict,
        share=share,
        published=published,
        published_n=published_n,
        source=claim.source,
        reason=reason,
        figures=figures,
        remarks=remarks,
    )


# Files


def outputs(path: Path) -> Iterator[Output]:
    """The author's file: an object of columns (lists, or objects by row), of which prompt, pred and actu are read. Raises BadInput."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        columns = [found[name] for name in ("prompt", "pred", "actu")]
        rows = list(zip(*(each.values() if isinstance(each, dict) else each for each in columns), strict=True))
        lengths = found.get("token_out", ())
        longest = max(lengths.values() if isinstance(lengths, dict) else lengths, default=0)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise BadInput(
            f"{path} is no file of stored outputs ({problem}); name one such as phi2_eval_df_c.json of the project."
        ) from problem
    if not rows or not all(isinstance(text, str) for row in rows for text in row):
        raise BadInput(f"{path} holds no prompts with outputs and golds; name one such as phi2_eval_df_c.json of the project.")
    cap = SHORT if longest <= SHORT + 1 else LONG  # the author counted one more than he let it write
    yield from (Output(prompt, text, gold, cap) for prompt, text, gold in rows)


def keep(check: Check, data: Path) -> Path:
    """Write a check to the file that the page shows, in place of an earlier one of the same claim and model. Raises BadInput."""
    path = data / FILE
    others = [each for each in read(path) if (each.claim, each.model) != (check.claim, check.model)]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as draft:
            draft.write_text(json.dumps([asdict(each) for each in (*others, check)], ensure_ascii=False, indent=1), encoding="utf-8")
    except OSError as problem:
        raise BadInput(f"{path} cannot be written ({problem.strerror}); free space or choose another ARENA_DATA.") from problem
    return path


def read(*paths: Path) -> list[Check]:
    """The checks of those files that are there. Raises BadInput."""
    found: list[Check] = []
    for path in filter(Path.is_file, paths):
        try:
            found += [_read(row) for row in json.loads(path.read_text(encoding="utf-8"))]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
            raise BadInput(f"{path} cannot be read ({problem}); delete it and verify again.") from problem
    return found


def _read(row: dict[str, Any]) -> Check:
    figures = {name: Interval(**each) for name, each in row["figures"].items()}
    return Check(**row | {"share": Interval(**row["share"]), "figures": figures, "remarks": tuple(row["remarks"])})


# Showing


def as_text(check: Check) -> str:
    """The verdict with its interval, and what differs from the published setting."""
    share = check.share
    lines = [
        f"{check.title} ({check.weights}, revision {check.revision}, {check.precision}, {check.decoding}, on {check.hardware})",
        f"  here      {share.value:.1%} ({share.low:.1%} to {share.high:.1%}), n = {share.n}",
        f"  published {check.published:.1%}, n = {check.published_n} ({check.source})",
        *(f"  {name}: {each.value:.1%} ({each.low:.1%} to {each.high:.1%}), n = {each.n}" for name, each in check.figures.items()),
        *(f"  {remark}" for remark in check.remarks),
        f"  {_verdict(check)}",
    ]
    return "\n".join(lines)


def _verdict(check: Check) -> str:
    if check.verdict == "stand-in":
        return f"Nothing is verified: this is a stand-in, since {check.reason}."
    if check.verdict == "not decided":
        return f"Not decided: {check.share.n} questions are too few; give the whole set."
    return "Reproduced." if check.verdict == "reproduced" else "Not reproduced."


def told(model: str, revision: str, checks: Sequence[Check]) -> str:
    """What may be said of the weights of a real contestant at this revision."""
    mine = (each for each in checks if (each.model, each.revision) == (model, revision))
    return "; ".join(_said(each) for each in mine if each.verdict in ("reproduced", "not reproduced")) or UNVERIFIED


def _said(check: Check) -> str:
    share = f"{check.share.value:.1%} ({check.share.low:.1%} to {check.share.high:.1%}, n = {check.share.n})"
    where = f"{check.claim}; {check.precision}, {check.decoding}, {check.hardware}"
    return f"{check.verdict} on {check.at[:10]}: {share} against {check.published:.1%} published ({where})"
