"""Other words, the same question: what no rule may touch, over every question of the sample databases that models may be measured on."""

import random
import re
from collections.abc import Iterator

import pytest

from nl2sql_arena.benchmark import rewording
from nl2sql_arena.benchmark.disguises import texts_of
from nl2sql_arena.benchmark.rewording import Reword, Wording
from nl2sql_arena.services import Services

RULES = (rewording.typos, rewording.synonyms, rewording.paraphrase)


def wording(question: str, *values: str, schema: str = "", known: str = "") -> Wording:
    return Wording(question, values, rewording.words([schema]), rewording.words([known, schema]))


def tries(rule: Reword, given: Wording, count: int = 30) -> list[str]:
    """What the rule makes of a question with several seeds."""
    found = (rule(given, random.Random(seed)) for seed in range(count))
    return [each[0] for each in found if each]


@pytest.fixture(scope="module")
def asked(shared: Services) -> list[Wording]:
    found = []
    for database in shared.databases.values():
        tables = database.schema().tables
        schema = rewording.words(name for table in tables for name in (table.name, *(column.name for column in table.columns)))
        for each in database.examples():
            if each.split == "dev" and each.gold_sql:
                values = [text for sql in each.gold_sql for text in texts_of(sql)]
                found.append(Wording(each.question, values, schema, schema))
    return found


def named(given: Wording) -> Iterator[str]:
    """The values of the gold that the question spells, and its numbers."""
    yield from (text for text in given.values if len(text) > 1 and re.search(rf"(?<!\w){re.escape(text)}(?!\w)", given.question))
    yield from re.findall(r"\d+", given.question)


@pytest.mark.parametrize("rule", RULES)
def test_values_and_numbers_stay_as_they_are(asked: list[Wording], rule: Reword) -> None:
    changed = 0
    for number, given in enumerate(asked):
        if new := rule(given, random.Random(number)):
            changed += 1
            assert new[0] != given.question
            assert [text for text in named(given) if text not in new[0]] == [], new
    assert changed > 0.7 * len(asked)


@pytest.mark.parametrize("rule", RULES)
def test_the_same_seed_gives_the_same_words(asked: list[Wording], rule: Reword) -> None:
    assert [rule(given, random.Random(3)) for given in asked[:20]] == [rule(given, random.Random(3)) for given in asked[:20]]


def test_a_typo_is_one_slip_in_a_word_that_is_no_value() -> None:
    given = wording("Which travellers from Jewellery towns cancelled?", "Jewellery", "cancel")
    found = tries(rewording.typos, given)
    assert len(set(found)) > 5
    for text in found:
        pairs = list(zip(text.split(), given.question.split(), strict=True))
        changed = [(new, old) for new, old in pairs if new != old]
        assert len(changed) == 1
        assert changed[0][1] in ("Which", "travellers", "towns"), "Jewellery is a value, cancelled a form of one"
        assert abs(len(changed[0][0]) - len(changed[0][1])) <= 1


def test_no_typo_makes_a_word_that_there_is() -> None:
    given = wording("trial", known="trail tial trrial tdial triial")
    assert not {"trail", "tial", "trrial", "tdial", "triial"} & set(tries(rewording.typos, given))
    assert rewording.typos(wording("How many of us in 2024?"), random.Random(0)) is None, "short words and numbers alone"


def test_a_name_with_a_capital_is_no_place_for_a_typo() -> None:
    assert set(tries(rewording.typos, wording('To Marrakesh, and "anything quoted" as well?'))) == set()


def test_synonyms_leave_words_of_the_schema_and_values_alone() -> None:
    question = "How many people have the highest average?"
    assert "persons" in " ".join(tries(rewording.synonyms, wording(question)))
    assert "persons" not in " ".join(tries(rewording.synonyms, wording(question, schema="people_id")))
    assert "mean" not in " ".join(tries(rewording.synonyms, wording(question, "average")))
    assert all(text.startswith(("How many", "What number of")) for text in tries(rewording.synonyms, wording(question)))
    assert rewording.synonyms(wording("orders per status"), random.Random(0)) is None


def test_a_frame_is_put_around_the_whole_question() -> None:
    for text in tries(rewording.paraphrase, wording("List the towns of Peru.")):
        assert "list the towns of Peru" in text
        assert text[0].isupper()
    for text in tries(rewording.paraphrase, wording("How many towns are there?")):
        assert "How many towns are there?" in text


def test_sentences_change_places_only_where_neither_points_at_the_other() -> None:
    apart = tries(rewording.paraphrase, wording("Which towns have no road? Name and size of the town."))
    assert "Name and size of the town: Which towns have no road?" in apart
    pointing = tries(rewording.paraphrase, wording("Which towns have no road? Name and size of each of them."))
    assert not any(text.startswith("Name and size") for text in pointing)
