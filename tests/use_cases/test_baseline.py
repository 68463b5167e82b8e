"""The shipped rule-based baseline on a shipped database, through the one path from a question to a table."""

from dataclasses import replace

from nl2sql_arena import catalog, settings
from nl2sql_arena.engine import Engine
from nl2sql_arena.services import Services
from nl2sql_arena.types import Request


def test_it_is_told_how_the_database_writes_what_is_asked_for(shared: Services) -> None:
    models = settings.ROOT / "models"
    cards = catalog.load(models)
    engine = Engine(cards, models, shared.databases, shared.sandbox)
    services = replace(shared, cards=cards, engine=engine)
    (answer,) = services.engine.answers([Request("1", "rules", "shop", "How many customers live in germany?")])
    assert answer.prepared.sql == "SELECT count(*) FROM customers WHERE customers.country = 'Germany'"
    assert answer.outcome == "ok"
    assert answer.precision.startswith("rules ")
    assert answer.prepared.repairs == ()
