"""What a fine-tuning is made of: a mix of sources -> pairs to train on, and questions on other schemas to measure it by.

`build` is the one way in. A recipe's data mix is a list of tables, each of them one `Source`:

    [[data]]
    source = "gretelai/synthetic_text_to_sql"
    path = ""
    split = "train"
    most = 20000
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nl2sql_arena.database import Database
from nl2sql_arena.training.pairs import TrainingPair
from nl2sql_arena.types import Example, Schema

Log = Callable[[str], None]
HELD_OUT = 200
"""Questions that a fine-tuning is measured by, unless the caller wants another number."""


@dataclass(frozen=True)
class Source:
    """One line of a data mix. `source` is a name in `loaders.SOURCES` or the path of a JSONL file of your own.

    `path` is where the set lies as its authors publish it (a file or folder); empty means: fetched from the hub, or drawn (`generator`).
    `most` is how many of its rows are read, drawn at random by the seed; 0 means all (for `generator`: 10,000).
    """

    source: str
    path: str = ""
    split: str = "train"
    most: int = 0


@dataclass(frozen=True)
class Dataset:
    """Checked pairs, split by schema: no table of a `held_out` question is in a schema that `train` knows.

    `files` are the DuckDB files and `schemas` the schemas of the held-out questions, by `Example.db`; each `Example.gold_sql` finds rows in
    its file. `counts` says per source what became of its rows: {"gretelai/...": {"read": 100, "train": 80, "dropped: ...": 5, ...}}.
    """

    train: tuple[TrainingPair, ...]
    held_out: tuple[Example, ...]
    files: Mapping[str, Path]
    schemas: Mapping[str, Schema]
    counts: Mapping[str, Mapping[str, int]]


def build(
    sources: Sequence[Source],
    databases: Mapping[str, Database],
    folder: Path,
    seed: int,
    log: Log,
    held_out: int = HELD_OUT,
    measured: Sequence[Source] = (),
) -> Dataset:
    """Load, check, repair, thin out and split the sources; the same arguments give the same pairs in the same order.

    `databases` are the sample databases, whose questions never enter training; `measured` other evaluation sets to keep apart, such as
    `Source("spider", "spider_data", "dev")`. Files of held-out questions are written to `folder`; at most `held_out` questions are taken.
    Raises BadInput for a source that cannot be read, Infrastructure when the sandbox fails.
    """
    raise NotImplementedError
