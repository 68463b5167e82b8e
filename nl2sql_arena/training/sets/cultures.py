"""Whose names and scripts the values of a data set come from, roughly.

Letters are told apart by Unicode's names for them. People are recognised by short lists of given names, written for this project: a value
counts when its first word is in a list. That finds which cultures' names occur at all and in about what proportion; it misses most names,
counts a name that several regions share for the first one that lists it, and says nothing about a person.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable

GIVEN_NAMES = {
    "English": "james john william mary elizabeth emily jack charlie grace alice george harry thomas sarah michael david robert jennifer "
    "linda jane bob jim susan karen emma oliver amelia ethan",
    "Germanic and Nordic": "hans jürgen heike ute anke sven björn astrid ingrid lars søren freja mette øystein sigrid aino eero matti "
    "wolfgang dieter annika",
    "French": "jean pierre luc chloé amélie françois élodie benoît céline étienne margaux thierry",
    "Spanish and Portuguese": "josé maria juan carlos luis sofía mateo lucía javier carmen joão inês paulo thiago "
    "beatriz rodrigo alejandro",
    "Italian and Greek": "giovanni giulia luca marco francesca alessandro chiara giorgos eleni dimitris katerina",
    "Slavic and Baltic": "ivan olga dmitri natasha piotr zofia łukasz jiří žofie olena oksana miloš jelena andrzej jānis",
    "Turkic and Central Asian": "ahmet elif mehmet ayşe emre zeynep aziz gulnara timur aigul",
    "Arabic and Persian": "mohammed muhammad fatima omar layla yusuf ali hassan aisha khadija reza maryam noor zahra",
    "South Asian": "priya arjun ananya rahul raj anjali amit deepa sanjay lakshmi imran farah kavita vikram",
    "East Asian": "wei mei li jing hiroshi yuki haruto sakura kenji min-jun ji-woo seo-yeon xiu ming chen akira",
    "South-East Asian": "nguyen linh minh siti budi putri somchai maricel rizal thuy anh wayan",
    "African": "kwame ama chidi ngozi thabo lerato amara kofi oluwaseun nia zuri tendai abebe makena",
    "Pacific and Indigenous": "kiri tane aroha leilani kai sione nanook mele",
}  # fmt: skip


BASES = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ı": "i"})
"""Letters that Unicode does not take apart."""


def _plain(name: str) -> str:
    """Lower case without accents."""
    bare = (letter for letter in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(letter))
    return "".join(bare).translate(BASES)


REGION = {_plain(name): region for region, names in reversed(GIVEN_NAMES.items()) for name in names.split()}


def regions(values: Iterable[str]) -> Counter[str]:
    """Values whose first word is a given name of the lists, by region."""
    first = (_plain(value.split()[0]).strip("'\".,%") for value in values if value.split())
    return Counter(REGION[word] for word in first if word in REGION)


def scripts(values: Iterable[str]) -> Counter[str]:
    """How many values have a letter of each script, by Unicode's names: Latin, Cyrillic, Cjk, ..."""
    found: Counter[str] = Counter()
    for value in values:
        found.update({unicodedata.name(letter, "unknown").split()[0].capitalize() for letter in value if letter.isalpha()})
    return found
