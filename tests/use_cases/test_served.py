"""A model on a server, from the question to the table."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from nl2sql_arena.engine import Engine
from nl2sql_arena.services import Services
from nl2sql_arena.types import Answer, Api, Request
from tests.backends.stand_in import StandIn

GERMANY = "How many customers live in Germany?"
SQL = "SELECT COUNT(*) FROM customers WHERE country = 'Germany'"


@pytest.fixture
def server() -> Iterator[StandIn]:
    found = StandIn({GERMANY: SQL})
    yield found
    found.close()


def answer(shared: Services, server: StandIn, api: Api = "completions") -> Answer:
    card = replace(server.card("served", api), context=16_384, format="phi2-sql")
    engine = Engine({"served": card}, shared.settings.models, shared.databases, shared.sandbox)
    (found,) = engine.answers([Request("1", "served", "shop", GERMANY)])
    return found


def test_its_query_runs_here(shared: Services, server: StandIn) -> None:
    found = answer(shared, server)
    assert (found.prepared.sql, found.outcome) == (SQL, "ok")
    assert found.execution.rows[0][0] > 0
    assert found.precision.endswith(server.url.removeprefix("http://").removesuffix("/v1"))


@pytest.mark.parametrize("said", [f"```sql\n{SQL}\n```", f"Sure, here it is:\n```sql\n{SQL};\n```\nIt counts customers.", f"{SQL}\n```"])
def test_a_chat_models_fence_is_not_the_end_of_its_answer(shared: Services, server: StandIn, said: str) -> None:
    server.answers = {GERMANY: said}
    assert answer(shared, server, "chat").prepared.sql == SQL


def test_an_outage_counts_for_nobody(shared: Services, server: StandIn) -> None:
    server.moods = ["unknown"]
    found = answer(shared, server)
    assert found.outcome == "infrastructure"
    assert "does not exist" in found.execution.message
