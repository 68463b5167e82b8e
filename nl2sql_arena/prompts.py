"""Question + schema -> the exact text a model reads. Training, benchmark and arena call the same functions.

Each format is the one its model was tuned on; a wrong prompt decides a comparison before the model does. Wordings of published prompts
are facts of their models, stated where each is from. Not covered: fetching the schema or counting tokens, which callers pass in.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

from nl2sql_arena import schema as ddl
from nl2sql_arena.errors import BadInput
from nl2sql_arena.types import Link, Prompt, Schema

ABSTENTION = "I do not know"
FENCE = "```"
Format = Callable[[str, Schema, bool], Prompt]
"""(question, schema, with comments) -> Prompt."""


class LinkedFormat(Protocol):
    """A format that can also name the stored values which a question mentions."""

    def __call__(self, question: str, schema: Schema, comments: bool, /, *, links: Sequence[Link] = ()) -> Prompt: ...


FindLinks = Callable[[str], Sequence[Link]]


def no_links(_question: str) -> Sequence[Link]:
    """For databases whose values are not known."""
    return ()


def mini(question: str, schema: Schema, _comments: bool = False, links: Sequence[Link] = ()) -> Prompt:
    """The minis' own short form: schema, question, then the values it names; it has no room for comments."""
    values = "; ".join(f"{link.table}.{link.column} = {_value(link)}" for link in links)
    named = f"-- {values}\n" if values else ""
    return Prompt(prefix=f"{ddl.compact(schema)}\n-- ", suffix=f"{_line(question)}\n{named}", stop=("\n",))


def rules(question: str, schema: Schema, _comments: bool = False, links: Sequence[Link] = ()) -> Prompt:
    """What the rule-based baseline reads: the tables with their keys, the question, then the values it names; each on lines of its own."""
    values = "; ".join(f"{ddl.quoted(link.table)}.{ddl.quoted(link.column)} = {_value(link)}" for link in links)
    named = f"-- {values}\n" if values else ""
    return Prompt(prefix=f"{ddl.keyed(schema)}\n-- ", suffix=f"{_line(question)}\n{named}", stop=(FENCE,))


def phi2_sql(question: str, schema: Schema, comments: bool = True) -> Prompt:
    """Ours for a fine-tuned Phi-2: schema first, so that one schema's prefix serves all its questions."""
    prefix = f"### Schema (DuckDB)\n{ddl.create_tables(schema, comments)}\n\n### Question\n"
    suffix = f"{_line(question)}\n\n### SQL\n{FENCE}sql"
    return Prompt(prefix, suffix, stop=(FENCE,))


def phi2_base(question: str, schema: Schema, comments: bool = True) -> Prompt:
    """The base model's own `Instruct: / Output:` style (microsoft/phi-2 model card)."""
    prefix = f"Instruct: {ddl.create_tables(schema, comments)}\n\n"
    ask = f"Write one DuckDB SQL query that answers the question below. If the tables cannot answer it, write SELECT '{ABSTENTION}'.\n"
    return Prompt(prefix, f"{ask}Question: {_line(question)}\nOutput:\n{FENCE}sql\n", stop=(FENCE, "\nInstruct:"))


def phi2_sqlcoder(question: str, schema: Schema, comments: bool = True) -> Prompt:
    """The prompt that pavankumarbalijepalli/phi2-sqlcoder was tuned on; it never learned to stop, so the fence is mandatory."""
    return Prompt("", _defog_2023(question, schema, comments), stop=(FENCE,))


def sqlcoder_7b(question: str, schema: Schema, comments: bool = True) -> Prompt:
    """The first SQLCoder-7B's prompt (defog-ai/sql-eval, prompts/prompt.md of November 2023), which ends with a line break."""
    return Prompt("", _defog_2023(question, schema, comments) + "\n", stop=(FENCE,))


def _defog_2023(question: str, schema: Schema, comments: bool) -> str:
    asked = _line(question)
    return (
        f"### Task\nGenerate a SQL query to answer the following question:\n`{asked}`\n\n"
        f"### Database Schema\nThe query will run on a database with the following schema:\n{ddl.create_tables(schema, comments)}\n\n"
        f"### Answer\nGiven the database schema, here is the SQL query that answers `{asked}`:\n{FENCE}sql"
    )


def sqlcoder_7b_2(question: str, schema: Schema, comments: bool = True) -> Prompt:
    """SQLCoder-7B-2's native prompt (defog-ai/sqlcoder prompt.md, with its instruction to abstain)."""
    task, tables, answer = _defog_2024(question, schema, comments)
    return Prompt("", f"### Task\n{task}{INSTRUCTION}{tables}{answer}", stop=("[/SQL]", FENCE))


def sqlcoder_7b_2_schema_first(question: str, schema: Schema, comments: bool = True) -> Prompt:
    """The same sections with the schema moved to the front, so that one schema's prefix serves all its questions.

    No prompt that SQLCoder was tuned on: a contestant that reads it is one of its own, and never stands for the native one.
    """
    task, tables, answer = _defog_2024(question, schema, comments)
    return Prompt(f"{tables}### Task\n", f"{task}{INSTRUCTION}{answer}", stop=("[/SQL]", FENCE))


def sqlcoder_7b_2_sql_eval(question: str, schema: Schema, comments: bool = True) -> Prompt:
    """What sql-eval gave SQLCoder-7B-2 for its published figure: the native prompt without instructions."""
    task, tables, answer = _defog_2024(question, schema, comments)
    return Prompt("", f"### Task\n{task}{tables}{answer}", stop=("[/SQL]", FENCE))


INSTRUCTION = f"### Instructions\n- If you cannot answer the question with the available database schema, return '{ABSTENTION}'\n\n"


def _defog_2024(question: str, schema: Schema, comments: bool) -> tuple[str, str, str]:
    """The task without its head, the section of the schema, and the section that the answer follows."""
    asked = f"[QUESTION]{_line(question)}[/QUESTION]"
    return (
        f"Generate a SQL query to answer {asked}\n\n",
        f"### Database Schema\nThe query will run on a database with the following schema:\n{ddl.create_tables(schema, comments)}\n\n",
        f"### Answer\nGiven the database schema, here is the SQL query that answers {asked}\n[SQL]\n",
    )


def llama_3_sqlcoder_8b(question: str, schema: Schema, comments: bool = True) -> Prompt:
    """The prompt of defog/llama-3-sqlcoder-8b's card with its instructions left empty.

    Without the card's `<|begin_of_text|>`, which the tokenizer puts in front. Nothing in a question or comment may pass for another of
    those marks, which would end its turn.
    """
    asked, tables = (text.replace("<|", "< |") for text in (_line(question), ddl.create_tables(schema, comments)))
    text = (
        f"<|start_header_id|>user<|end_header_id|>\n\nGenerate a SQL query to answer this question: `{asked}`\n\n"
        f"DDL statements:\n{tables}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
        f"The following SQL query best answers the question `{asked}`:\n{FENCE}sql\n"
    )
    return Prompt("", text, stop=(FENCE,))


def duckdb_nsql(question: str, schema: Schema, _comments: bool = False) -> Prompt:
    """DuckDB-NSQL-7B's prompt (NumbersStationAI/DuckDB-NSQL, examples/utils.py): plain columns with types in lower case, no comments."""
    tables = "\n\n".join(
        f"CREATE TABLE {ddl.quoted(table.name)} (\n"
        + ",\n".join(f"    {ddl.quoted(column.name)} {column.type.lower()}" for column in table.columns)
        + "\n);"
        for table in schema.tables
    )
    prefix = (
        "### Instruction:\nYour task is to generate valid duckdb SQL to answer the following question, given a duckdb database schema.\n\n"
        f"### Input:\nHere is the database schema that the SQL query will run on:\n{tables}\n\n### Question:\n"
    )
    return Prompt(prefix, f"{_line(question)}\n\n### Response (use duckdb shorthand if possible):\n", stop=("\n###", FENCE))


FORMATS: dict[str, Format] = {
    "mini": mini,
    "mini-linked": mini,
    "rules": rules,
    "phi2-sql": phi2_sql,
    "phi2-base": phi2_base,
    "phi2-sqlcoder": phi2_sqlcoder,
    "sqlcoder-7b": sqlcoder_7b,
    "sqlcoder-7b-2": sqlcoder_7b_2,
    "sqlcoder-7b-2-schema-first": sqlcoder_7b_2_schema_first,
    "sqlcoder-7b-2-sql-eval": sqlcoder_7b_2_sql_eval,
    "llama-3-sqlcoder-8b": llama_3_sqlcoder_8b,
    "duckdb-nsql": duckdb_nsql,
}
LINKED: dict[str, LinkedFormat] = {"mini-linked": mini, "rules": rules}


def build(
    format_name: str, question: str, schema: Schema, count_tokens: Callable[[str], int], room: int, find: FindLinks = no_links
) -> Prompt:
    """The prompt in at most `room` tokens: whole, else without comments, else with the schema pruned to the question.

    `find` gives the stored values that a question names; only the formats in `LINKED` ask it.
    What was left out is named in `Prompt.pruned`. Raises BadInput when even the pruned schema does not fit.
    """
    make: Format = partial(LINKED[format_name], links=find(question)) if format_name in LINKED else FORMATS[format_name]
    whole = make(question, schema, True)
    if count_tokens(whole.text) <= room:
        return whole
    bare = make(question, schema, False)
    if count_tokens(bare.text) <= room:
        return replace(bare, pruned=("column comments",))
    dropped = [] if bare.text == whole.text else ["column comments"]
    for smaller, names in prunings(question, schema):
        prompt = make(question, smaller, False)
        dropped = [*dropped, *names]
        if count_tokens(prompt.text) <= room:
            return replace(prompt, pruned=tuple(dropped))
    raise BadInput("This question is too long for this model with this database's tables; ask it shorter.")


def prunings(question: str, schema: Schema) -> list[tuple[Schema, tuple[str, ...]]]:
    """Ever smaller schemas, each with what it lost: columns first, then whole tables, those farthest from the question's words first.

    Keys stay as long as their table does, so that joins remain possible; a table without keys keeps its closest column.
    """
    words = _words(question)
    steps: list[tuple[Schema, tuple[str, ...]]] = []
    tables = {table.name: table for table in schema.tables}
    keys = {name: ddl.keys(schema, table) for name, table in tables.items()}
    columns = [
        (_closeness(words, c.name, c.comment), t.name, c.name) for t in schema.tables for c in t.columns if c.name not in keys[t.name]
    ]
    for _, table_name, column_name in sorted(columns, key=lambda item: item[0]):
        table = tables[table_name]
        if len(table.columns) == 1:
            continue
        tables[table_name] = replace(table, columns=tuple(c for c in table.columns if c.name != column_name))
        steps.append((replace(schema, tables=tuple(tables.values())), (f"{table_name}.{column_name}",)))
    order = sorted(
        schema.tables, key=lambda t: max([_closeness(words, t.name, t.comment), *(_closeness(words, c.name, c.comment) for c in t.columns)])
    )
    for table in order[:-1]:
        del tables[table.name]
        for name, other in tables.items():
            tables[name] = replace(other, foreign_keys=tuple(key for key in other.foreign_keys if key.table != table.name))
        steps.append((replace(schema, tables=tuple(tables.values())), (table.name,)))
    return steps


def _closeness(words: set[str], name: str, comment: str) -> int:
    """Words that a name (twice) and its comment share with the question."""
    return 2 * len(words & _words(name)) + len(words & _words(comment))


def _words(text: str) -> set[str]:
    """Lower-case words without a plural s."""
    letters = "".join(char if char.isalnum() else " " for char in text.lower())
    return {word.removesuffix("s") for word in letters.split() if len(word) > 2}


def _value(link: Link) -> str:
    """A stored value as SQL writes it, on one line."""
    return ddl.literal(ddl.one_line(link.value, len(link.value)))


def _line(question: str) -> str:
    return " ".join(question.split())


def canonical(question: str, schema: Schema) -> str:
    """A question with its whole schema in no model's own form: what two models of different prompts were asked alike."""
    return f"{ddl.create_tables(schema)}\n\n-- {_line(question)}\n"


def question_key(question: str) -> str:
    """Lower-case letters and digits only: what makes two questions the same."""
    return "".join(char for char in question.lower() if char.isalnum())
