"""A kept run as a written report: what was measured on what, every figure with its n and interval, and examples chosen by a stated rule.

`study` puts the same parts under the headings of a paper. The numbers are those of `figures` and `metrics`; `as_json` gives them plainly.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nl2sql_arena.benchmark import charts, figures, metrics, passes, verify
from nl2sql_arena.benchmark.charts import AXIS_WORDS, CHARTS, OUTCOME_WORDS, Shown
from nl2sql_arena.benchmark.document import Block, Code, Document, Picture, Points, Section, Table, Text
from nl2sql_arena.benchmark.figures import p_said
from nl2sql_arena.benchmark.metrics import GROUPS, Metrics
from nl2sql_arena.benchmark.passes import Found
from nl2sql_arena.benchmark.runner import Result
from nl2sql_arena.benchmark.runs import Measured, StoredRun
from nl2sql_arena.benchmark.scorers import REASONS
from nl2sql_arena.benchmark.verify import Check
from nl2sql_arena.difficulty import Axis
from nl2sql_arena.errors import BadInput
from nl2sql_arena.types import LEVELS, Interval

EXAMPLES = 2
"""Questions of each level that are shown of a kind of disagreement."""
FEATURE_QUESTIONS = 20
"""Of so many questions at least is a feature's accuracy spoken of."""
RULE = f"the first {EXAMPLES} of each level by the order of the questions' ids; none was chosen by hand"
HOLM = (
    "Each p is of its pair and group alone. Beside it stands the same p raised after S. Holm, A simple sequentially rejective multiple "
    "test procedure (Scandinavian Journal of Statistics 6, 1979), so that all may be read together: that of `all` over all pairs, those "
    "of levels over all pairs and levels."
)


@dataclass(frozen=True)
class Told:
    """A run as reports tell it: its results by the levels of `axis`, each model's further metrics, and what passes over it have found."""

    run: StoredRun
    axis: Axis
    results: tuple[Result, ...]
    metrics: Mapping[str, Metrics]
    passes: Mapping[str, Found]
    checks: Sequence[Check] = ()
    """What was published of real contestants against their weights."""

    @property
    def titles(self) -> dict[str, str]:
        return self.run.measured.titles

    @property
    def names(self) -> dict[str, str]:
        return self.run.measured.names

    @property
    def is_practice(self) -> bool:
        return any(each.kind == "mini" for each in self.run.measured.contestants)

    @property
    def shown(self) -> Shown:
        return charts.shown(self.run.measured, self.run.results, self.axis, stored=True)


def told(run: StoredRun, axis: Axis, read: metrics.Read, found: Mapping[str, Found], checks: Sequence[Check] = ()) -> Told:
    """`read` has the clauses of `metrics.queries(run.results)`, `found` what passes over the run have found, `checks` see `verify.read`.

    Raises BadInput for a run that mixes real models and minis, or has no answer.
    """
    kinds = {each.kind for each in run.measured.contestants} - {"baseline"}
    if len(kinds) > 1:
        raise BadInput(f"The run {run.measured.name} mixes real models and minis, which are never in one report; run them apart.")
    if not run.results:
        raise BadInput(f"The run {run.measured.name} has no answer yet; run it again and then report.")
    results = tuple(metrics.leveled(run.results, axis))
    return Told(run, axis, results, metrics.measure(results, read), found, checks)


def report(about: Told) -> Document:
    """The whole report."""
    measured = about.run.measured
    practice = " Of practice models: it says nothing about Phi-2 or SQLCoder." if about.is_practice else ""
    unfinished = "" if about.run.complete else f" **The run was ended early:** it has {len(about.results)} answers."
    lead = f"Run `{measured.name}` of {measured.at[:10]}, {' against '.join(measured.titles.values())}.{practice}{unfinished}"
    return Document(f"Benchmark report: {_asked_of(measured)}, {measured.split} questions", lead, sections(about))


def sections(about: Told) -> tuple[Section, ...]:
    """The report's sections in their order."""
    found = (
        Section("What was measured on what", set_up(about)),
        Section(f"Accuracy by {AXIS_WORDS[about.axis]} difficulty", by_level(about)),
        Section("Pairs on the same questions", pairs(about)),
        Section("Accuracy by feature of the gold query", by_feature(about)),
        Section("How answers ended", outcomes(about)),
        Section("Validity, form, abstention and repair", further(about)),
        Section("Time, tokens and memory", effort(about)),
        Section("Further passes", further_passes(about)),
        Section("Where they disagree", disagreements(about)),
        Section("What this cannot show", limits(about)),
    )
    return tuple(section for section in found if section.blocks)


def _picture(about: Told, name: str) -> Picture:
    figure = CHARTS[name].figure(about.shown)
    said = charts.caption(figure)
    return Picture(figure, said.title, said.run, said.notes)


def set_up(about: Told) -> tuple[Block, ...]:
    measured = about.run.measured
    asked = f"{measured.questions} questions" + (f" ({measured.chosen})" if measured.chosen else "")
    facts = (
        ("questions", f"{asked} of the split `{measured.split}` of {_asked_of(measured)}, data `{measured.dataset_hash}`"),
        ("databases", ", ".join(measured.databases)),
        ("scorer", f"{measured.scorer} execution match on DuckDB (docs/scoring.md)"),
        ("difficulty", f"{AXIS_WORDS[about.axis]} levels, computed from the first gold"),
        ("hardware", measured.hardware),
        ("libraries", ", ".join(f"{name} {number}" for name, number in measured.libraries.items())),
        ("date", measured.at),
    )
    contestants = tuple(
        (
            each.title, each.kind, f"`{each.revision}`", each.prompt, each.precision,
            f"{each.generation.max_new_tokens} tokens at most, {_beams(each.generation.num_beams)}", each.licence,
        )
        for each in measured.contestants
    )  # fmt: skip
    unusable = tuple(f"{each.id} ({each.db}): {each.reason}" for each in measured.unusable)
    left_out = (Text(f"Golds that cannot be compared with ({measured.unasked} questions were not asked for it):"), Points(unusable))
    return (
        Table(("", ""), tuple((f"**{name}**", said) for name, said in facts)),
        Table(("contestant", "kind", "weights", "prompt", "precision", "decoding", "licence"), contestants),
        *(left_out if unusable else ()),
    )


def _asked_of(measured: Measured) -> str:
    return "the sample databases" if measured.dataset == "all" else measured.dataset


def _beams(count: int) -> str:
    return "greedy" if count == 1 else f"{count} beams"


def by_level(about: Told) -> tuple[Block, ...]:
    found = figures.accuracy(about.results)
    rows = tuple((about.names[model], *(_said(groups[group]) for group in GROUPS)) for model, groups in found.items())
    spread = tuple(
        (
            about.names[model],
            _span(by.interval),
            str(by.databases),
            ", ".join(f"{db} {_percent(share)}" for db, share in by.shares.items()),
        )
        for model, by in figures.by_database(about.results).items()
    )
    apart = {group: each for group, each in figures.resolution(about.results).items() if not math.isnan(each)}
    told_apart = ", ".join(f"{group} {100 * each:.0f} points" for group, each in apart.items())
    resolves = (
        f"The smallest difference of two of these models that so many questions can resolve (paired, 80 % power at 5 %): {told_apart}."
    )
    return (
        _picture(about, "accuracy"),
        Table(("", *GROUPS), rows, "Execution accuracy of answerable, scored questions, with 95 % Wilson intervals."),
        Text(resolves if apart else "Too few answers to tell any two models apart."),
        Table(("", "interval by database", "databases", "each"), spread, "With the databases as the sample, for what another may bring."),
    )


def pairs(about: Told) -> tuple[Block, ...]:
    blocks: list[Block] = []
    models = [name for name in about.titles if name in about.metrics]
    for a, b in figures.pairs(models):
        found = figures.paired(about.results, a, b, among=models)
        rows = tuple(
            (
                group, str(each.n), str(each.both), str(each.only_a), str(each.only_b), str(each.neither),
                f"{_points(each.difference.value)} ({_points(each.difference.low)} to {_points(each.difference.high)})" if each.n else "–",
                p_said(each.p) if each.n else "–", p_said(each.p_holm) if each.n else "–",
            )
            for group, each in found.items()
        )  # fmt: skip
        caption = f"A: {about.names[a]}; B: {about.names[b]}. Difference A less B in points, Newcombe's paired interval; McNemar's exact p."
        blocks.append(Table(("", "n", "both right", "only A", "only B", "neither", "difference", "p", "p, Holm"), rows, caption))
    if blocks:
        blocks.insert(0, Text(HOLM))
    return (_picture(about, "paired"), _picture(about, "agreement"), *blocks) if blocks else ()


def by_feature(about: Told) -> tuple[Block, ...]:
    found = figures.by_feature(about.results)
    rows = tuple(
        (charts.feature_words(name), *(_said(shares[name]) if name in shares else "–" for shares in found.values()))
        for name in figures.by_count(found)
    )
    return (
        _picture(about, "features"),
        Table(("feature", *(about.names[model] for model in found)), rows, "A question counts for every feature of its first gold."),
    )


def outcomes(about: Told) -> tuple[Block, ...]:
    rows = tuple(
        (words, *(str(each.outcomes["all"][outcome]) for each in about.metrics.values())) for outcome, words in OUTCOME_WORDS.items()
    )
    reasons = [(reason, words) for reason, words in REASONS.items() if any(each.score.reason == reason for each in about.results)]
    judged = tuple(
        (words, *(str(sum(r.score.reason == reason for r in about.results if r.answer.model == model)) for model in about.metrics))
        for reason, words in reasons
    )
    head = ("", *(about.names[model] for model in about.metrics))
    return (
        _picture(about, "outcomes"),
        Table(head, rows, "Answers to all questions, by how they ended."),
        Table(head, judged, "The scorer's reasons, over all questions."),
    )


def further(about: Told) -> tuple[Block, ...]:
    def row(name: str, said: Any) -> tuple[str, ...]:
        return (name, *(said(each) for each in about.metrics.values()))

    rows = (
        row("valid SQL", lambda m: _said(m.valid_sql["all"])),
        row("exact set match (Spider)", lambda m: _said(m.exact_set_match["all"])),
        row("cut by the token cap", lambda m: _said(m.cut)),
        row("accuracy without those cut", lambda m: _said(m.uncut_accuracy["all"])),
        row("unanswerable left unanswered", lambda m: _said(m.right_abstentions)),
        row("answerable left unanswered", lambda m: _said(m.wrong_abstentions)),
        row("accuracy as written", lambda m: _said(m.repairs.as_written)),
        row("accuracy after repair", lambda m: _said(m.repairs.after_repair)),
        row("answers repaired", lambda m: f"{m.repairs.repaired} of {m.repairs.n}" + _listed(m.repairs.needed)),
    )
    names = list(dict.fromkeys(name for each in about.metrics.values() for name in each.components))
    parts = tuple(
        (about.names[model], name, _said(part.precision), _said(part.recall), "–" if math.isnan(part.f1) else f"{part.f1:.2f}")
        for model, each in about.metrics.items()
        for name, part in ((name, each.components[name]) for name in names)
    )
    return (
        Table(("", *(about.names[model] for model in about.metrics)), rows, "Shares with 95 % Wilson intervals."),
        Table(
            ("", "clause", "precision", "recall", "F1"),
            parts,
            "A clause is right when it equals the nearest gold's as a whole, after Spider.",
        ),
    )


def _listed(needed: Mapping[str, int]) -> str:
    return ": " + ", ".join(f"{name} {count}" for name, count in needed.items()) if needed else ""


def effort(about: Told) -> tuple[Block, ...]:
    rows = []
    for model, each in about.metrics.items():
        for group in GROUPS:
            spent = each.effort[group]
            if spent.seconds.n:
                memory = f"{spent.peak_memory.median:.0f}" if spent.peak_memory.n else "not measured"
                rows.append((
                    about.names[model], group, str(spent.seconds.n), _spread(spent.first_token_seconds), _spread(spent.seconds),
                    f"{spent.tokens.median:.0f} ({spent.tokens.p90:.0f})", f"{spent.tokens_per_second.median:.0f}", memory,
                ))  # fmt: skip
    head = ("", "level", "n", "first token, s", "total, s", "tokens", "tokens/s", "peak memory, MB")
    caption = "Median (nine in ten below). Answers that decode together share the machine: seconds are those of an answer in its company."
    return (_picture(about, "effort"), Table(head, tuple(rows), caption))


def _spread(spread: metrics.Spread) -> str:
    return f"{spread.median:.2g} ({spread.p90:.2g})" if spread.n else "–"


def further_passes(about: Told) -> tuple[Block, ...]:
    """What `--variants`, `--robustness` and `--efficiency` found, where they were made."""
    blocks: list[Block] = []
    for name, found in passes.told(about.passes, about.names).items():
        blocks.append(Text(f"**{passes.titled(name)}**"))
        if name == "robustness":
            figure = passes.drops(about.passes[name], about.shown)
            said = charts.caption(figure)
            blocks.append(Picture(figure, said.title, said.run, said.notes))
        blocks += found
        if name == "variants":
            blocks += passes.lucky_points(about.passes[name], about.names)
    return tuple(blocks)


def disagreements(about: Told) -> tuple[Block, ...]:
    """Questions that one model of the first pair has right alone, and that both have wrong."""
    models = [name for name in about.titles if name in about.metrics]
    if len(models) < 2:
        return ()
    a, b = models[:2]
    mine, theirs = ({(r.example.db, r.example.id): r for r in figures.of(about.results, model)} for model in (a, b))
    both = [(mine[key], theirs[key]) for key in sorted(mine, key=lambda key: key[1]) if key in theirs]
    blocks: list[Block] = [Text(f"Shown are {RULE}.")]
    kinds = (
        (f"Only {about.names[a]} is right", (1.0, 0.0)),
        (f"Only {about.names[b]} is right", (0.0, 1.0)),
        ("Both are wrong", (0.0, 0.0)),
    )
    for words, values in kinds:
        found = [pair for pair in both if (pair[0].score.value, pair[1].score.value) == values]
        blocks.append(Text(f"**{words}**: {len(found)} of {len(both)} questions."))
        for level in LEVELS:
            for pair in [pair for pair in found if pair[0].level == level][:EXAMPLES]:
                blocks += _example(pair, (about.names[a], about.names[b]))
    return tuple(blocks)


def _example(pair: Sequence[Result], titles: Sequence[str]) -> list[Block]:
    example = pair[0].example
    sides = "\n".join(
        f"-- {title}: {REASONS[each.score.reason]}\n{each.answer.prepared.sql or '-- no query'}"
        for title, each in zip(titles, pair, strict=True)
    )
    return [Text(f"{example.id} ({pair[0].level}): {example.question}"), Code(f"-- gold\n{example.gold_sql[0]}\n{sides}", "sql")]


def limits(about: Told) -> tuple[Block, ...]:
    measured = about.run.measured
    count = len(measured.databases)
    said = [
        f"{count} database{'s' * (count != 1)}: what another schema would bring is only in the interval by database, and that is wide.",
        "One run of each model, decoded as stated; another prompt, precision or seed is another contestant.",
        "A right table on these rows may be luck: `bench run --variants` tells how often, where it was made.",
        "Golds hold the readings that their authors saw; a good answer to another reading counts as wrong.",
    ]
    if measured.split == "dev":
        said.append("`dev` questions are for development: figures to publish come from `test`.")
    said += [
        f"{each.title}, weights {each.revision}: {verify.told(each.name, each.revision, about.checks)}."
        for each in measured.contestants
        if each.kind == "real"
    ]
    if about.is_practice:
        said.append("These are practice models of a few million parameters. Nothing here is about Phi-2 or SQLCoder.")
    return (Points(tuple(said)),)


def as_json(about: Told) -> dict[str, Any]:
    """The numbers of the report."""
    models = [name for name in about.titles if name in about.metrics]
    return {
        "run": asdict(about.run.measured),
        "complete": about.run.complete,
        "axis": about.axis,
        "models": figures.as_json(figures.accuracy(about.results)),
        "by_database": metrics.as_json(figures.by_database(about.results)),
        "resolution": metrics.as_json(figures.resolution(about.results)),
        "pairs": [
            {"a": a, "b": b, "levels": metrics.as_json(figures.paired(about.results, a, b, among=models))} for a, b in figures.pairs(models)
        ],
        "by_feature": metrics.as_json(figures.by_feature(about.results)),
        "metrics": {model: metrics.as_json(each) for model, each in about.metrics.items()},
        "passes": dict(about.passes),
    }


def _said(share: Interval) -> str:
    return f"{_percent(share)} ({100 * share.low:.0f} to {100 * share.high:.0f}) of {share.n}" if share.n else "none of 0"


def _percent(share: Interval) -> str:
    return f"{100 * share.value:.0f} %" if share.n else "–"


def _span(share: Interval) -> str:
    return f"{_percent(share)} ({100 * share.low:.0f} to {100 * share.high:.0f})"


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"
