"""How a question is finally written: fillers around it, careless case and punctuation, typos. Quoted values keep their letters."""

import random

from nl2sql_arena.training.generator.templates import pick, tidy

BEFORE = (
    "Hi, ", "Hello, ", "Hey, ", "Quick question: ", "Quick one: ", "Question: ", "For the monthly report, ", "For the board meeting: ",
    "For my presentation, ", "For tomorrow's meeting, ", "My boss wants to know: ", "The boss asks: ", "I was wondering: ", "I wonder, ",
    "Just curious: ", "One more thing: ", "Next: ", "And now: ", "OK, ", "So, ", "Sorry to bother you, but ",
    "I'm working on an analysis. ", "We are reviewing our data. ", "For an assignment: ", "Out of curiosity, ",
    "Could you check something? ", "Help me out here: ", "Please, ", "Urgent: ", "For the audit, ", "For planning purposes, ",
    "I need this for a report: ", "As part of the yearly review, ", "To prepare the newsletter, ", "In our database, ", "From the data, ",
    "Using our records, ",
)  # fmt: skip
AFTER = (
    " please", ", please", " thanks", ", thanks", " Thanks!", " asap", " pls", " - thank you", " for me", " if possible", " right away",
    " Need it today.", " (for a report)", ", thank you",
)  # fmt: skip
OPENERS_KEPT = ("I ", "I'", "ID")


def spoken_as(question: str, rng: random.Random) -> str:
    """The question in a random voice."""
    question = capital(tidy(question))
    chance = rng.random()
    if chance < 0.09:
        question = before(question, rng)
    elif chance < 0.15:
        question = after(question, rng)
    question = punctuated(question, rng)
    if rng.random() < 0.16:
        question = question.lower()
    elif rng.random() < 0.02:
        question = question[:1].lower() + question[1:]
    if rng.random() < 0.05:
        question = typo(question, rng)
    return question


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def before(question: str, rng: random.Random) -> str:
    """A filler in front; what follows loses its capital unless it is a name or "I"."""
    filler = pick(rng, BEFORE)
    first = question.split(" ", 1)[0]
    if filler.rstrip().endswith((".", "?")) or first.startswith(OPENERS_KEPT) or first not in LOWERABLE:
        return filler + question
    return filler + question[:1].lower() + question[1:]


LOWERABLE = frozenset([
    "Which", "What", "Who", "Show", "List", "Give", "Find", "Display", "Get", "Return", "Print", "Tell", "Can", "Could", "Please", "We",
    "Pull", "Fetch", "Let", "Provide", "Name", "How", "For", "When", "Where", "Compute", "Calculate", "Report", "Do", "Is", "Are", "All",
    "Every", "Each", "The", "Count", "Number", "Work", "Determine", "Any",
])  # fmt: skip


def after(question: str, rng: random.Random) -> str:
    filler = pick(rng, AFTER)
    if question.endswith("?"):
        return question[:-1] + filler + "?" if not filler.startswith((" -", " Thanks", " Need", " (")) else question + filler
    return question.rstrip(".") + filler


def punctuated(question: str, rng: random.Random) -> str:
    """Question marks get lost, statements get a full stop."""
    if question.endswith("?"):
        return question[:-1] if rng.random() < 0.16 else question
    return question + "." if rng.random() < 0.2 and question[-1:].isalnum() else question


def typo(question: str, rng: random.Random) -> str:
    """One letter of one lower-case word swapped, dropped or doubled; values (capitals, digits, quotes) are left alone."""
    words = question.split(" ")
    places = [i for i, word in enumerate(words) if len(word) > 3 and word.isalpha() and word.islower()]
    if not places:
        return question
    i = pick(rng, places)
    word = words[i]
    at = 1 + int(rng.random() * (len(word) - 2))
    kind = rng.random()
    if kind < 0.45:
        word = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    elif kind < 0.8:
        word = word[:at] + word[at + 1 :]
    else:
        word = word[:at] + word[at] + word[at:]
    words[i] = word
    return " ".join(words)
