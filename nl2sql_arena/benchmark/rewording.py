"""A question in other words, by rule and by seed: with typos, with synonyms, in another frame. What it asks for stays the same.

No rule touches a value: words that a gold's text constants or the database's values hold, numbers, quoted text, and names with a capital
letter. Synonyms are of general English (how many, list, highest); a word of the schema is never exchanged. Frames are a handful of polite
forms and, where a question has two sentences that do not refer to each other, their order. All of this was written by rule, so that a drop
shows what such changes do and no less; people reword more freely.
"""

import random
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\S")
TYPED = re.compile(r"[A-Za-z]{5,}")
"""What a typo may happen in."""
CONFUSED = frozenset("through thorough though worth wroth quite quiet three there trail trial angel angle".split())
"""English words that a slip makes of one another."""
WORDS_A_TYPO = 8
MOST_SYNONYMS = 2
SHARED = 4
"""Letters at the start by which a word counts as a form of a value's word: "cancelled" of "cancel"."""
NEIGHBOURS = {
    "a": "s", "b": "v", "c": "x", "d": "f", "e": "r", "f": "g", "g": "h", "h": "j", "i": "o", "j": "k", "k": "l", "l": "k", "m": "n",
    "n": "b", "o": "p", "p": "o", "q": "w", "r": "t", "s": "d", "t": "y", "u": "i", "v": "c", "w": "e", "x": "z", "y": "u", "z": "x",
}  # fmt: skip
"""The key beside each key."""
SYNONYMS: dict[str, tuple[str, ...]] = {
    "how many percent": ("what percentage",),
    "how many": ("what number of",),
    "the number of": ("the count of",),
    "number of": ("count of",),
    "show me": ("give me", "let me see"),
    "give me": ("show me", "provide me with"),
    "tell me": ("let me know",),
    "show": ("display", "present"),
    "show up": ("appear",),
    "list all": ("enumerate all", "write down all"),
    "list the": ("enumerate the", "write down the"),
    "find": ("look up", "search for"),
    "i need": ("i want", "i require"),
    "i want": ("i need", "i wish for"),
    "i'd like": ("i would like", "i'd love"),
    "i'm looking for": ("i'm searching for", "i'm after"),
    "which": ("what",),
    "an average": ("a mean",),
    "the average": ("the mean",),
    "on average": ("as an average",),
    "average": ("mean",),
    "highest": ("greatest", "topmost"),
    "largest": ("greatest", "biggest"),
    "biggest": ("largest", "greatest"),
    "lowest": ("smallest", "least"),
    "smallest": ("lowest", "least"),
    "most expensive": ("priciest", "costliest"),
    "dearest": ("priciest", "costliest"),
    "priciest": ("most expensive", "costliest"),
    "cheapest": ("least expensive", "lowest-priced"),
    "latest": ("most recent", "newest"),
    "most recent": ("latest", "newest"),
    "at least": ("no less than", "a minimum of"),
    "at most": ("no more than", "a maximum of"),
    "more than": ("over",),
    "fewer than": ("less than", "under"),
    "less than": ("below", "under"),
    "for each of": ("for every one of",),
    "for each": ("for every",),
    "for every": ("for each",),
    "different": ("distinct",),
    "distinct": ("different",),
    "together with": ("along with", "as well as"),
    "in total": ("altogether", "overall"),
    "altogether": ("in total", "overall"),
    "leave out": ("omit", "exclude"),
    "leaving out": ("omitting", "excluding"),
    "skip": ("omit", "leave out"),
    "ignore": ("disregard", "leave aside"),
    "live in": ("reside in",),
    "lives in": ("resides in",),
    "living in": ("residing in",),
    "alphabetically": ("from a to z",),
    "percentage": ("per cent share",),
    "in percent": ("as a percentage",),
    "no duplicates": ("without repetitions",),
    "sort by": ("arrange by",),
    "sorted by": ("arranged by",),
    "earliest": ("first",),
    "belong to": ("are part of",),
    "belongs to": ("is part of",),
    "currently": ("at present", "right now"),
    "right now": ("at the moment", "at present"),
    "so far": ("to date", "up to now"),
    "people": ("persons",),
    "have never": ("have not once",),
    "what is": ("what would be",),
    "what's": ("what is",),
}
"""A phrase of questions -> what may stand in its place."""
PHRASES = re.compile(
    rf"(?<![\w'’])(?:{'|'.join(map(re.escape, sorted(SYNONYMS, key=len, reverse=True)))})(?![\w'’])(?=[\s,]+\w)", re.IGNORECASE
)
ASKING = frozenset("what which who whom whose when where why how is are was were do does did has have had can could should".split())
VERBS = frozenset("show list give find tell name count rank break display return compute calculate report get provide sort put".split())
QUESTIONS = (
    "I would like to know: {}", "Can you help me with this? {}", "Here is my question. {}", "{} Please look it up for me.",
    "Somebody asked me: {}",
)  # fmt: skip
ORDERS = ("Could you {}?", "I would be glad if you could {}.", "Would you be so kind as to {}?")
STATED = ("Hello! {}", "{} Thanks in advance!", "{} Can you find that out?")
PHRASED = ("What I am after: {}", "Please get me this: {}", "I am interested in the following: {}")
POINTING = frozenset(
    "it its they them their those that these this one ones he she him her his there then also such same former latter each all both".split()
)
"""Words by which a sentence refers to another."""


@dataclass(frozen=True)
class Wording:
    """A question with what its rewording must respect: the values it names, the words of its schema, and words that no typo may make."""

    question: str
    values: Sequence[str]
    schema: frozenset[str]
    known: frozenset[str]


Reword = Callable[[Wording, random.Random], tuple[str, str] | None]
"""The question in other words and what was changed; None where the rule finds nothing to change."""


def typos(wording: Wording, rng: random.Random) -> tuple[str, str] | None:
    """One typo for every eight words, at least one: two letters swapped, one lost, one doubled, or the key beside it."""
    guarded = _guarded(wording)
    free = (each for each in TYPED.finditer(wording.question) if each[0].lower() not in CONFUSED)
    places = [each.span() for each in free if not _overlaps(each.span(), guarded)]
    rng.shuffle(places)
    wanted = max(1, len(wording.question.split()) // WORDS_A_TYPO)
    made: list[tuple[tuple[int, int], str]] = []
    for start, end in places:
        if len(made) < wanted and (new := _mistyped(wording.question[start:end], wording.known, rng)):
            made.append(((start, end), new))
    return _changed(wording.question, made)


def synonyms(wording: Wording, rng: random.Random) -> tuple[str, str] | None:
    """Up to two phrases exchanged for others of the same meaning."""
    guarded = _guarded(wording)
    found = [
        each
        for each in PHRASES.finditer(wording.question)
        if not _overlaps(each.span(), guarded) and not wording.schema & {folded(word) for word in each[0].split()}
    ]
    chosen = rng.sample(found, min(MOST_SYNONYMS, len(found)))
    return _changed(wording.question, [(each.span(), _like(each[0], rng.choice(SYNONYMS[each[0].lower()]))) for each in chosen])


def paraphrase(wording: Wording, rng: random.Random) -> tuple[str, str] | None:
    """Another frame around the question, or its two sentences in the other order."""
    question = " ".join(wording.question.split())
    turned = _turned(question)
    framed = _framed(question, rng)
    new = turned if turned and rng.random() < 0.5 else framed
    return new, "its sentences in another order" if new == turned else "another frame"


def folded(word: str) -> str:
    """A word without case, accents and a plural s."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(char))
    return plain[:-1] if len(plain) > 3 and plain.endswith("s") and not plain.endswith("ss") else plain


def words(texts: Iterable[str]) -> frozenset[str]:
    """The words of some texts, or of names written with underscores or capitals, folded."""
    split = (re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).replace("_", " ") for text in texts)
    return frozenset(folded(word) for text in split for word in WORD.findall(text) if word[0].isalpha())


def _guarded(wording: Wording) -> list[tuple[int, int]]:
    """What must stay as it is: values and their forms, numbers, quoted text, and names."""
    named = [folded(word) for value in wording.values for word in WORD.findall(value) if len(word) > 1]
    spans = [each.span() for each in re.finditer(r"\"[^\"]*\"|“[^”]*”|(?<!\w)'[^']*'(?!\w)|\S*\d\S*", wording.question)]
    begins = True
    for each in WORD.finditer(wording.question):
        word = each[0]
        if not word[0].isalpha():
            begins = word in ".?!:" or (begins and word not in ",;")
            continue
        form = folded(word)
        is_value = any(form == value or (len(value) >= SHARED and form[:SHARED] == value[:SHARED]) for value in named)
        if is_value or (word[0].isupper() and not begins) or word.isupper():
            spans.append(each.span())
        begins = False
    return spans


def _overlaps(span: tuple[int, int], others: Iterable[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in others)


def _mistyped(word: str, known: frozenset[str], rng: random.Random) -> str:
    """The word with one slip between its first and its last letter; nothing where every slip makes a word that there is."""
    slips = ["swap", "lose", "double", "beside"]
    rng.shuffle(slips)
    at = rng.randrange(1, len(word) - 2)
    for slip in slips:
        new = {
            "swap": word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            "lose": word[:at] + word[at + 1 :],
            "double": word[:at] + word[at] + word[at:],
            "beside": word[:at] + NEIGHBOURS[word[at].lower()] + word[at + 1 :],
        }[slip]
        if new != word and folded(new) != folded(word) and folded(new) not in known:
            return new
    return ""


def _changed(question: str, changes: Sequence[tuple[tuple[int, int], str]]) -> tuple[str, str] | None:
    if not changes:
        return None
    ordered = sorted(changes)
    said = "; ".join(f"{question[start:end]} -> {new}" for (start, end), new in ordered)
    for (start, end), new in reversed(ordered):
        question = question[:start] + new + question[end:]
    return question, said


def _like(old: str, new: str) -> str:
    """The new phrase with the old one's capital."""
    return new[0].upper() + new[1:] if old[0].isupper() else new


def _turned(question: str) -> str:
    """The second of two sentences first; nothing where one refers to the other."""
    parts = re.fullmatch(r"([^.?!]+[.?!]) ([^.?!]+[.?]?)", question)
    if not parts or (POINTING & words([parts[2]])) or len(parts[2].split()) < 3:
        return ""
    return f"{parts[2].rstrip('.?')}: {parts[1]}"


def _framed(question: str, rng: random.Random) -> str:
    first, _, rest = question.partition(" ")
    word = first.lower().strip(",:;")
    if word in ("please", "pls") and rest:
        return _framed(rest, rng)
    if word in VERBS:
        sentence, stop, more = question.partition(". ")
        asked = sentence.rstrip(".!") if stop or "?" not in sentence else sentence.rstrip(".!?")
        framed = rng.choice(ORDERS).format(asked[0].lower() + asked[1:])
        return f"{framed} {more}".strip()
    if word in ASKING or question.endswith("?"):
        return rng.choice(QUESTIONS).format(question if question[-1] in ".?!" else f"{question}?")
    if word.partition("'")[0] in ("i", "we"):
        return rng.choice(STATED).format(question if question[-1] in ".?!" else f"{question}.")
    return rng.choice(PHRASED).format(question)
