"""The words of the house: frozen records that pass between rooms, without behaviour.

A model's mistake is a record (`Execution.outcome`); our own mistake is an exception (`errors`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Split = Literal["arena", "dev", "test"]
Level = Literal["easy", "medium", "hard", "extra"]
LEVELS: tuple[Level, ...] = ("easy", "medium", "hard", "extra")
Category = Literal["filter", "aggregate", "group", "order", "join", "ratio", "date", "nested", "set_operation", "window"]
Dialect = Literal["duckdb", "postgres", "sqlite"]
Kind = Literal["real", "mini", "baseline"]
Api = Literal["completions", "chat"]
Decoding = Literal["greedy", "card"]
FinishReason = Literal["stop", "length", "cancelled"]
Outcome = Literal["ok", "empty", "error", "timeout", "memory", "refused", "cut", "abstained", "infrastructure"]
ErrorKind = Literal["syntax", "catalog", "type", "other"]
Winner = Literal["model_a", "model_b", "tie", "both_bad"]
WINNERS: tuple[Winner, ...] = ("model_a", "model_b", "tie", "both_bad")

Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]
"""A result cell as JSON can carry it: integers beyond 2^53, decimals, dates, non-finite numbers are strings."""


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    comment: str = ""
    nullable: bool = True


@dataclass(frozen=True)
class ForeignKey:
    columns: tuple[str, ...]
    table: str
    references: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    comment: str = ""
    row_count: int = 0


@dataclass(frozen=True)
class Schema:
    """One database as prompts and the page see it; referenced tables come first."""

    db: str
    tables: tuple[Table, ...]


@dataclass(frozen=True)
class Link:
    """A stored text value that a question names, as the database writes it."""

    table: str
    column: str
    value: str


@dataclass(frozen=True)
class Example:
    """A question with its gold queries; no gold means that the right answer is to abstain."""

    id: str
    db: str
    question: str
    gold_sql: tuple[str, ...]
    category: str
    split: str
    may_be_empty: bool = False


@dataclass(frozen=True)
class Weights:
    """A hub id or folder and its revision; an empty revision is shown as unpinned."""

    id: str
    revision: str = ""


@dataclass(frozen=True)
class Generation:
    """Decoding settings: greedy when `num_beams` is 1; `max_new_tokens` is the cap beyond which an answer is `cut`."""

    max_new_tokens: int = 512
    num_beams: int = 1


@dataclass(frozen=True)
class Server:
    """Where a model answers that runs in another process: an OpenAI-compatible server.

    `url` goes up to and with its `/v1`, `model` is the id that it knows the model by. `key_variable` names the environment variable that
    holds the key, never the key. At most `concurrency` requests are open at once; a whole answer may take `seconds`.
    """

    url: str
    model: str
    api: Api = "completions"
    key_variable: str = ""
    concurrency: int = 4
    seconds: int = 120


@dataclass(frozen=True)
class ModelCard:
    """One contestant, as `models/<name>/card.toml` states it; with a `server`, `base` only names what that holds.

    `training_prompt_hash` is of the prompt that weights made here have learned; `download_gb` about what the hub sends, 0 if not known.
    `learned` are the only databases that it knows (empty: made for any), `unlearned` says how it did on one that it had not learned.
    """

    name: str
    title: str
    kind: Kind
    family: str
    backend: str
    format: str
    dialect: Dialect
    base: Weights
    licence: str
    context: int
    adapter: Weights | None = None
    precision: str = "auto"
    generation: Generation = Generation()
    notes: str = ""
    training_prompt_hash: str = ""
    download_gb: int = 0
    learned: tuple[str, ...] = ()
    unlearned: str = ""
    server: Server | None = None
    published_beams: int = 1
    """What its publisher's card decodes with; used where the decoding is "card" and else stated only."""


@dataclass(frozen=True)
class Prompt:
    """What a model reads: `prefix` (shared by all questions on a schema) + `suffix`; generation ends before any of `stop`.

    `pruned` names what was left out of the schema so that the prompt fits, e.g. `orders.note`.
    """

    prefix: str
    suffix: str
    stop: tuple[str, ...] = ()
    pruned: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return self.prefix + self.suffix


@dataclass(frozen=True)
class Request:
    """One question for one model on one database."""

    id: str
    model: str
    db: str
    question: str


@dataclass(frozen=True)
class GenerationRequest:
    """What a backend needs for one completion."""

    id: str
    model: str
    prompt: Prompt
    generation: Generation = Generation()


@dataclass(frozen=True)
class Completion:
    """A model's raw text; `finish_reason` "length" means cut by the cap.

    Seconds are wall time from the request's own start, without the time in which the caller holds back the next completion. Requests may
    decode together: then seconds say how long this answer took in that company, and their sum is more than the whole took.
    """

    id: str
    model: str
    text: str
    prompt_tokens: int
    tokens: int
    first_token_seconds: float
    seconds: float
    finish_reason: FinishReason
    failure: str = ""
    """Why there is no usable text, when our side or a server failed; such an answer counts for nobody."""
    peak_memory: float = 0.0
    """MB (10^6 bytes); 0 is not measured. On a GPU the most that the process had allocated there from the start of the batch until this
    answer, other loaded models included. Elsewhere the weights with the key/value states at their largest: a lower bound, without what a
    forward pass needs in passing, since a process's resident size says more about the system than about the model.
    """


OnToken = Callable[[GenerationRequest, str], None]
"""Called with the text so far, at most every few tokens, from the generating thread."""


FIRST_ONLY = "only the first statement kept"
"""The repair of a text that went on after a whole statement."""


@dataclass(frozen=True)
class Prepared:
    """A model's text made ready for DuckDB, every change named."""

    sql: str
    formatted: str
    repairs: tuple[str, ...] = ()
    abstained: bool = False


@dataclass(frozen=True)
class Limits:
    """What a query may use: seconds of wall time, rows, bytes of result text, characters a cell (0 = uncut)."""

    name: str
    rows: int
    bytes: int
    cell_chars: int
    seconds: float = 5.0


DISPLAY = Limits("display", rows=1_000, bytes=2_000_000, cell_chars=2_000)
SCORE = Limits("score", rows=100_000, bytes=32_000_000, cell_chars=0)


@dataclass(frozen=True)
class ResultColumn:
    name: str
    type: str


@dataclass(frozen=True)
class Execution:
    """What running one query gave. `row_count` is the number of rows fetched; with `truncated` there were more."""

    outcome: Outcome
    columns: tuple[ResultColumn, ...] = ()
    rows: tuple[tuple[Value, ...], ...] = ()
    row_count: int = 0
    truncated: bool = False
    seconds: float = 0.0
    error_kind: ErrorKind | None = None
    message: str = ""


@dataclass(frozen=True)
class Answer:
    """Everything between a question and its table, kept so that "why?" always has an answer."""

    id: str
    model: str
    db: str
    question: str
    prompt: Prompt
    completion: Completion
    prepared: Prepared
    execution: Execution
    precision: str = ""
    seconds: float = 0.0
    beams: int = 1
    context: int = 0
    """Tokens that prompt and answer may have together; 0 is not known, as of a stored run."""
    max_new_tokens: int = 0
    """The cap that the answer was written under; 0 is not known, as of a stored run."""

    @property
    def outcome(self) -> Outcome:
        return self.execution.outcome


@dataclass(frozen=True)
class Battle:
    """Two answers to one question, side A left. Never sent to the browser as a whole."""

    id: str
    question: str
    db: str
    example_id: str
    split: str
    blind: bool
    profile: str
    a: Answer
    b: Answer


@dataclass(frozen=True)
class Score:
    """A verdict: 1.0 or 0.0, or None when it could not be judged (then `reason` says why)."""

    value: float | None
    reason: str
    difference: str = ""


@dataclass(frozen=True)
class Interval:
    """A share with the bounds of its confidence interval; all in 0..1."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Tally:
    """Votes of one pair of models, cast blind or with the names shown, counted for the first."""

    first: str
    second: str
    blind: bool = True
    wins: int = 0
    losses: int = 0
    ties: int = 0
    both_bad: int = 0
    voters: int = 0
    decisive: Interval | None = None


@dataclass(frozen=True)
class Clauses:
    """One query's clauses; empty where it has none. Two queries match exactly as sets when their clauses are equal."""

    select: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    join: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()
    """What only the exact match compares: a single table, AND, QUALIFY, the other arm of a set operation."""


@dataclass(frozen=True)
class Part:
    """A stretch of what a query does, in sentences: how it makes a helper table, or without a name its result.

    `anew`: it is made for each row of the query around it. Names and SQL stand between backticks.
    """

    name: str
    sentences: tuple[str, ...]
    anew: bool = False


Columns = Mapping[str, Iterable[str]]
"""Table -> its columns, in lower case."""
