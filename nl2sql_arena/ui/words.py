"""The words of the page that stand for a closed list of outcomes. One sentence each, the same for both sides."""

from nl2sql_arena.types import Outcome, Winner
from nl2sql_arena.votes.consent import Tier

OUTCOMES: dict[Outcome, tuple[str, str]] = {
    "ok": ("A table", "The query ran."),
    "empty": ("No rows", "The query ran and found nothing."),
    "error": ("The query does not run", "Why:"),
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
    "too_long": ("At least one result is longer than what is shown here, so the two are not compared.", "plain"),
}
GOLD: dict[str, str] = {
    "match": "right",
    "match_tied": "right",
    "match_empty": "right",
    "extra_columns": "wrong: the right columns and more",
    "row_order": "wrong: the right rows in another order than asked",
    "duplicates": "wrong: the right rows, but some more or less often",
    "no_rows": "wrong: no rows",
    "rows": "wrong: other rows",
    "columns": "wrong: another number of columns",
    "answered_unanswerable": "wrong: the tables cannot answer this question",
    "abstained": "wrong: the tables can answer this question",
    "error": "wrong: the query does not run",
    "timeout": "wrong: stopped after too long",
    "memory": "wrong: out of memory",
    "refused": "wrong: not a query that may run here",
    "cut": "wrong: cut off",
}
"""The benchmark's reasons for a verdict, in words; any other reason means that the answer was not scored."""
BUTTONS: dict[Winner, str] = {"model_a": "A is better", "model_b": "B is better", "tie": "Tie", "both_bad": "Both bad"}
SAID: dict[Winner, str] = {"model_a": "A is better", "model_b": "B is better", "tie": "a tie", "both_bad": "both bad"}
READS: dict[Winner, str] = {
    "model_a": "A reads better", "model_b": "B reads better", "tie": "Equal", "both_bad": "Neither",
}  # fmt: skip
SAID_READS: dict[Winner, str] = {
    "model_a": "A reads better", "model_b": "B reads better", "tie": "both read equally well", "both_bad": "neither reads well",
}  # fmt: skip
READING = "So tell only which query reads better; this counts apart from votes on right answers."
KEPT: dict[str, str] = {
    "here": "Saved on this machine.",
    "alone": "Saved on this machine only: syncing is not set up, so it is lost if the machine loses its disk.",
    "saved": "Saved on this machine; not synced yet.",
    "synced": "Saved and synced: it outlives this machine.",
}
"""Where what a visitor did with a battle is, by `Services.kept`."""
SAME_QUERY = "Both sides wrote the very same query, so there is nothing to choose: go on to the next question."
PASSED: dict[str, str] = {
    "skip": "Skipped; it counts for nobody. Ask the next question.",
    "cant_tell": "Noted that you cannot tell; that is no tie and counts for nobody. Ask the next question.",
}
UNDONE = "Taken back; this vote counts nowhere, and its battle stays closed. Ask the next question."
WHO = "One question before the names: which model do you think A was? It tells whether names stay hidden here; your vote stands."
WHO_IN_A_STUDY = (
    "One question in between: which model do you think A was? It tells whether names stay hidden here; your vote stands. You are not told "
    "whether you are right."
)
NO_IDEA = "No idea"
GUESSED = {True: "You took A for {title}, and so it was.", False: "You took A for {title}, which was B."}
TAKEN_FOR = dict.fromkeys((True, False), "You took A for {title}.")
"""In a study, which tells no name."""
NO_GUESS = "Nothing is asked here any more; go on with the next question."
REASONS: dict[str, str] = {
    "wrong_join": "wrong join",
    "wrong_filter": "wrong filter",
    "wrong_aggregation": "wrong sum, count or average",
    "wrong_grouping": "wrong grouping",
    "missing_rows": "rows are missing",
    "extra_rows": "rows too many",
    "wrong_columns": "wrong columns",
    "wrong_order": "wrong order",
    "invented_column": "invents a column",
    "unreadable": "hard to read",
}
"""What may be wrong with a side's query, by `votes.details.REASONS`."""
CHOICES: dict[Tier, str] = {"votes": "My votes only", "questions": "My votes and my question's text"}
KEEPS: dict[Tier, str] = {
    "votes": "Kept: your votes, without the text of questions that you type.",
    "questions": "Kept: your votes and the text of questions that you type.",
}
NOTHING_YET = "Nothing that you do is kept."
CHOOSE_FIRST = "Say below what may be kept, and this vote counts; you may look and ask without."
DECLINED = "From now on nothing is kept, so nothing is voted on; look and ask as you like. A vote asks again."
RECHOSEN = "This holds from your next question on; the one on the page is kept as you said before."
LATER = "You have a new id. Votes under {id} stay; note that id if you may want them erased."
ANEW = "This battle is closed without a verdict. Ask the next question."
ASK_ERASE = "Erase {battles}, votes and all, for good?"
ERASED = "Erased: {battles}, votes and all. You have a new id."
NOTHING_LEFT = "Nothing is kept under your id, so there is nothing to erase."
