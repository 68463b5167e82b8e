"""The words of the page that stand for a closed list of outcomes. One sentence each, the same for both sides."""

from nl2sql_arena.types import Outcome, Winner

OUTCOMES: dict[Outcome, tuple[str, str]] = {
    "ok": ("A table", "The query ran."),
    "empty": ("No rows", "The query ran and found nothing."),
    "error": ("The query does not run", "DuckDB refused it:"),
    "timeout": ("Stopped after too long", "The query was still running at the time limit."),
    "memory": ("Out of memory", "The query needed more memory than a query may use here."),
    "refused": ("Not run", "Only a single reading query on this database is run here."),
    "cut": ("Cut off", "The model was still writing when it reached its limit."),
    "abstained": ("No answer", "The model says that it cannot answer this from the tables."),
    "infrastructure": ("This side failed on our account", "It counts for nobody; try this side again before voting."),
}
VERDICTS: dict[str, tuple[str, str]] = {
    "same": ("Both results are the same table.", "good"),
    "order": ("Both results hold the same rows, in another order.", "warn"),
    "different": ("The results differ.", "warn"),
    "incomparable": ("The results cannot be compared: at least one side has no complete table.", "plain"),
}
BUTTONS: dict[Winner, str] = {"model_a": "A is better", "model_b": "B is better", "tie": "Tie", "both_bad": "Both bad"}
SAID: dict[Winner, str] = {"model_a": "A is better", "model_b": "B is better", "tie": "a tie", "both_bad": "both bad"}
