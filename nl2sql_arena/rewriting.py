"""A gold query for the same data under other names: its columns renamed, its text values exchanged. Parses trusted golds only.

Both are renamings of everything alike: a column's name has one new name wherever it stands, as a column, an alias, in USING or in a CTE's
list, and a value has one new value. So no scope needs to be told apart, as long as no new name is in use already; `names_of` tells which
are. Not covered: names that a query makes from texts (COLUMNS('...'), a struct's fields that are called like a column), and values inside
longer ones (LIKE '%x%'). Whoever uses this runs both queries and compares.
"""

from collections.abc import Mapping

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from nl2sql_arena.errors import BadInput
from nl2sql_arena.schema import quoted


def names_of(sql: str) -> frozenset[str]:
    """Every name in a query, of columns, tables and aliases alike, lower case. Raises BadInput."""
    return frozenset(each.name.lower() for each in _read(sql).find_all(exp.Identifier))


def values_of(sql: str) -> tuple[str, ...]:
    """The text constants of a query, each once. Raises BadInput."""
    return tuple(dict.fromkeys(each.name for each in _read(sql).find_all(exp.Literal) if each.is_string))


def renamed(sql: str, names: Mapping[str, str]) -> str:
    """The query with columns under new names; `names` has the old ones in lower case. Raises BadInput."""
    tree = _read(sql)
    for each in list(tree.find_all(exp.Identifier)):
        new = names.get(each.name.lower())
        if new is not None and not _is_table(each):
            each.set("this", new)
            each.set("quoted", quoted(new) != new)
    return tree.sql("duckdb", comments=False)


def revalued(sql: str, values: Mapping[str, str]) -> str:
    """The query with text constants exchanged, where they are a value as a whole. Raises BadInput."""
    tree = _read(sql)
    for each in list(tree.find_all(exp.Literal)):
        if each.is_string and each.name in values:
            each.set("this", values[each.name])
    return tree.sql("duckdb", comments=False)


def _read(sql: str) -> exp.Expr:
    try:
        return parse_one(sql, read="duckdb")
    except (SqlglotError, RecursionError) as problem:
        raise BadInput(f"The gold query does not parse ({str(problem).splitlines()[0]}); correct it: {sql[:200]}") from problem


def _is_table(identifier: exp.Identifier) -> bool:
    """Whether it names a table, or an alias of one."""
    place = identifier.parent
    if isinstance(place, exp.Column):
        return identifier.arg_key != "this"
    return isinstance(place, exp.Table) or (isinstance(place, exp.TableAlias) and identifier.arg_key == "this")
