"""The minis' own tokenizer: byte-level BPE over single words, with frequent SQL, schema and English phrases as whole tokens,
and the qualified columns and joins of the sample databases.

A word is the same tokens in schema, question and SQL, because blanks are tokens of their own (or part of a phrase): that is what lets
a small model copy names. Digits and punctuation stand alone, identifiers split at underscores, and any text survives a round trip.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from nl2sql_arena.types import Schema

VOCABULARY = 4096
SPECIALS = ("<pad>", "<bos>", "<eos>")
TYPES = ("int", "num", "text", "date", "time", "bool", "other")
PHRASES = (
    # schema lines; the last ones hold the mark before the question, so that a schema's tokens never depend on the question
    "(id int, ", "_id int > ", " int > ", "_id", *(f" {kind}{end}" for kind in TYPES for end in (", ", ")\n", ")\n-- ")), "\n-- ",
    # SQL
    "first_name, last_name", "first_name", "last_name", "SELECT ", "SELECT DISTINCT ", "(SELECT ", "SELECT COUNT(*) FROM ",
    "SELECT * FROM ", " FROM ", " JOIN ", " LEFT JOIN ", " ON ", " WHERE ", " AND ", " OR ", " NOT ", " GROUP BY ", " HAVING ",
    " ORDER BY ", " DESC", " ASC", " DESC LIMIT ", " LIMIT ", " AS ", " UNION ", " UNION ALL ", " EXCEPT ", " INTERSECT ", " IN (",
    " NOT IN (", " IN (SELECT ", " NOT IN (SELECT ", "EXISTS (SELECT ", "NOT EXISTS (SELECT ", " BETWEEN ", " IS NULL", " IS NOT NULL",
    " LIKE '", " ILIKE '", " ILIKE '%", "%'", " = '", " <> '", " > '", " >= '", " < '", " <= '", " = ", " <> ", " > ", " >= ", " < ",
    " <= ", " = (SELECT ", " > (SELECT ", " < (SELECT ", "COUNT(*)", "COUNT(DISTINCT ", "COUNT(", "SUM(", "AVG(", "MIN(", "MAX(",
    "ROUND(", "SELECT AVG(", "SELECT SUM(", "SELECT MIN(", "SELECT MAX(", "YEAR(", "MONTH(", "QUARTER(", "DATE '", "CASE WHEN ",
    " THEN ", " ELSE ", " END", " OVER (", "PARTITION BY ", " ORDER BY COUNT(*) DESC", " HAVING COUNT(*) > ", " HAVING COUNT(*) >= ",
    ", COUNT(*) FROM ", ", COUNT(*)", " * 1.0 / ", " * 100.0 / ", ") FROM ", ") > ", ") < ", ") = ", "')", "' AND ", "_id = ", ".id = ",
    # English
    ", ", " the ", " of ", " of the ", " of all ", " in ", " in the ", " for ", " for each ", " and ", " or ", " with ", " that ",
    " who ", " which ", " whose ", " is ", " are ", " were ", " was ", " have ", " has ", " by ", " from ", " on ", " to ", " a ",
    " an ", " all ", " per ", " each ", " more than ", " less than ", " at least ", " at most ", "How many ", "how many ",
    "What is the ", "Which ", "List ", "Show ", "Show me ", "Give me ", "number of ", "average ", "'s ",
)  # fmt: skip
WORD = r"\p{L}+|[^\p{L}]"


def names(schema: Schema) -> Iterator[str]:
    """What every join on a database is written with: its qualified columns and its joins, each worth a token of its own."""
    for table in schema.tables:
        yield from (f"{table.name}.{column.name}" for column in table.columns)
        for key in table.foreign_keys:
            condition = f" ON {table.name}.{key.columns[0]} = {key.table}.{key.references[0]}"
            yield from (f" JOIN {joined}{condition}" for joined in (key.table, table.name))


def build(texts: Iterable[str], size: int = VOCABULARY, known: Iterable[str] = ()) -> PreTrainedTokenizerFast:
    """A tokenizer of at most `size` tokens learned from the texts, the `known` phrases among them; pad 0, bos 1, eos 2."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(WORD), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    inner.decoder = decoders.ByteLevel()
    phrases = list(dict.fromkeys((*PHRASES, *known)))
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(phrases),
        min_frequency=3,
        special_tokens=list(SPECIALS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    inner.train_from_iterator(texts, trainer)
    inner.add_tokens([AddedToken(phrase, normalized=False) for phrase in phrases])
    make: Any = PreTrainedTokenizerFast
    pad, bos, eos = SPECIALS
    made: PreTrainedTokenizerFast = make(
        tokenizer_object=inner, pad_token=pad, bos_token=bos, eos_token=eos, clean_up_tokenization_spaces=False, padding_side="left"
    )
    return made
