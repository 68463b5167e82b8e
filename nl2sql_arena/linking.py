"""Which stored values a question mentions, so that a model can be told how and where they are written: "berlin" is city = 'Berlin'.

A value is found by its whole words: case, accents, punctuation and a plural s do not count, except in values of one or two characters
(grades, country codes), which must be typed exactly. Linking a question to what the database holds follows BRIDGE (Lin et al., 2020).
Not covered: abbreviations, adjectives ("German"), typos: those a model must know itself.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache

from nl2sql_arena.types import Link

LONGEST_VALUE = 40
"""Characters; longer texts are prose, not values that a question names."""
MOST_WORDS = 6
MOST_LINKS = 4
MOST_COLUMNS = 2
"""Columns that are named for one value, in the order of the schema."""
WORD = re.compile(r"[^\W_]+")
Key = tuple[str, ...]


class ValueIndex:
    """The values of a database by their words. Building reads every value once; a look-up takes microseconds."""

    def __init__(self, values: Mapping[tuple[str, str], Iterable[str]]) -> None:
        self._found: dict[Key, list[Link]] = {}
        for (table, column), texts in values.items():
            for text in texts:
                if 0 < len(text) <= LONGEST_VALUE and not text.isdigit() and (key := _key(text)):
                    known = self._found.setdefault(key, [])
                    if len(known) < MOST_COLUMNS and not any((link.table, link.column) == (table, column) for link in known):
                        known.append(Link(table, column, text))
        self._longest = min(MOST_WORDS, max(map(len, self._found), default=0))

    def links(self, question: str) -> tuple[Link, ...]:
        """The values that the question names, in its order, the longest where several overlap; at most `MOST_LINKS`."""
        typed = WORD.findall(question)
        words = [_word(word) for word in typed]
        found: list[Link] = []
        at = 0
        while at < len(words) and len(found) < MOST_LINKS:
            for size in range(min(self._longest, len(words) - at), 0, -1):
                known = self._found.get(tuple(words[at : at + size]), ())
                if named := [link for link in known if len(link.value) > 2 or typed[at] == link.value]:
                    found += (link for link in named if link not in found)
                    at += size
                    break
            else:
                at += 1
        return tuple(found[:MOST_LINKS])


NO_VALUES = ValueIndex({})


def _key(value: str) -> Key:
    return tuple(map(_word, WORD.findall(value)))


@lru_cache(100_000)
def _word(word: str) -> str:
    """Lower-case, without accents and a plural s."""
    folded = "".join(char for char in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(char))
    return folded[:-1] if len(folded) > 3 and folded[-1] == "s" != folded[-2] else folded
