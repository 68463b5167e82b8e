"""Who is preferred, as HTML: a card for each pair, the ladder of three or more models, and the same by difficulty, category or database."""

from collections.abc import Mapping, Sequence
from html import escape

from nl2sql_arena.types import Interval
from nl2sql_arena.ui.render import grid
from nl2sql_arena.ui.votes.names import LEVELS, bounds, flags, header, interval, many, p_value, row, seconds, titled
from nl2sql_arena.votes.ballots import Ballot
from nl2sql_arena.votes.guessing import Guesses
from nl2sql_arena.votes.meter import Meter, Readings, sentence
from nl2sql_arena.votes.rating import POINTS, Board, Ladder
from nl2sql_arena.votes.statistics import Field, Figures, Standing

BREAKDOWNS: dict[Field, str] = {"level": "difficulty", "category": "category", "db": "database"}
FEW = 30
"""Decisive votes of a group below which its share is set in grey."""
BROKEN_DOWN = ("Contestants", "First preferred (95% interval)", "Wins", "Ties", "Both bad", "Votes", "Voters")
READING = ("Contestants", "First reads better (95% interval)", "Reads better", "Equal", "Neither", "Votes", "Voters")
GUESSES = ("Contestants", "A named rightly (95% interval)", "Guesses", "No idea", "No answer", "Voters")
LADDER = ("Rank", "Model", "Points", "95% interval", "Wins", "Ties", "Votes")
VOTER = "A voter is a random name of one page or browser: one person may be several."
EMPTY = (
    '<section class="run empty"><h2>No votes here yet</h2><p>Ask a question on the <b>Arena</b> tab, look at both result tables and say '
    "which answer is better. From the first vote on, this tab shows who is preferred and how far that can be trusted, and hands the votes "
    "out as files.</p></section>"
)
ONLY_STUDIES = "<p>There are votes of studies, which never count among public ones: choose a study above.</p></section>"


def empty(has_studies: bool) -> str:
    """What stands in place of figures where there is no public vote."""
    return EMPTY.removesuffix("</section>") + ONLY_STUDIES if has_studies else EMPTY


def summary(
    title: str, warnings: Sequence[str], ballots: Sequence[Ballot], flagged: Mapping[str, int], is_filtered: bool, total: int
) -> str:
    """What the figures below were counted on, of a `total` of votes that the store has."""
    dbs = len({each.db for each in ballots})
    counted = (
        f"{many(len(ballots), 'vote')} by {many(len({each.voter for each in ballots}), 'voter')} on {many(dbs, 'database')}"
        if ballots
        else "No votes"
    )
    odd = sum(flagged.values())
    noted = (
        "no vote is flagged"
        if not odd
        else f"flagged votes are left out ({flags(flagged)})"
        if is_filtered
        else f"flagged votes are counted, too ({flags(flagged)}; a vote may have several flags)"
    )
    said = "".join(f"<p>{escape(each)}</p>" for each in warnings)
    of_all = f"; the store has {many(total, 'vote')} in all" if total != len(ballots) else ""
    head = f'<section class="run" data-total="{total}"><h2>{escape(title)}</h2>'
    return f"{head}<p>{escape(counted)}{of_all}; {escape(noted)}. {VOTER}</p>{said}</section>"


def pair(standing: Standing, readings: Readings | None, titles: Mapping[str, str], is_filtered: bool) -> str:
    """One pair's card. The model that is ahead is named first in the headline, whatever the order of the keys."""
    shown, other = (standing.filtered, standing.raw) if is_filtered else (standing.raw, standing.filtered)
    first, second = titles[standing.first], titles[standing.second]
    meter = readings.votes if readings else None
    names = f"{titled(standing.first, first)} <span>against</span> {titled(standing.second, second)}"
    return (
        f'<article class="duel"><header><h3>{names}</h3>{_chip(meter, readings.voters if readings else None)}</header>'
        f"{_split(shown, first, second)}{_headline(shown, first, second)}{_meter(readings, first, second)}"
        f"<details><summary>All figures of this pair</summary>{_figures(standing, shown, other, first, is_filtered)}</details></article>"
    )


def _chip(votes: Meter | None, voters: Meter | None) -> str:
    """Settled only where both meters, over votes and over voters, say so."""
    if votes is None or not votes.wins + votes.losses:
        return ""
    settled = votes.settled and voters is not None and voters.settled
    return f'<b class="chip {"settled" if settled else "unsettled"}">{"Settled" if settled else "Not settled"}</b>'


def _split(shown: Figures, first: str, second: str) -> str:
    """A bar of all votes: the first's wins, ties, both bad, the second's wins."""
    parts = (
        ("first", shown.wins, first), ("tie", shown.ties, "Tie"), ("bad", shown.both_bad, "Both bad"), ("second", shown.losses, second),
    )  # fmt: skip
    pieces = "".join(
        f'<i class="{name}" style="flex-grow:{count}">{count if count >= 0.05 * shown.n else ""}</i>' for name, count, _ in parts if count
    )
    told = ", ".join(f"{words} {count}" for _, count, words in parts)
    keys = "".join(f'<li><i class="{name}"></i>{escape(words)} <b>{count:,}</b></li>' for name, count, words in parts)
    return f'<div class="split" role="img" aria-label="{escape(told)}">{pieces}</div><ul class="keys">{keys}</ul>'


def _headline(shown: Figures, first: str, second: str) -> str:
    share = shown.by_voter
    if share is None:
        return f'<p class="headline">No decisive vote among {many(shown.n, "vote")}: so far there is no win rate to show.</p>'
    ahead, share = (first, share) if share.value >= 0.5 else (second, _turned(share))
    told = "for each side" if share.value == 0.5 else f"prefer {escape(ahead)}"
    sample = (
        f"95% interval {bounds(share)}, with the {many(shown.voters, 'voter')} as the sample"
        if shown.voters > 1
        else "one voter: nothing is known of others, so the interval is 0% to 100%"
    )
    head = f"<b>{share.value:.0%}</b> of {many(share.n, 'decisive vote')} {told}"
    return f'<p class="headline">{head}<br><small>{sample}</small></p>{_range(share)}'


def _turned(share: Interval) -> Interval:
    """The same share counted for the other of two."""
    return Interval(1 - share.value, 1 - share.high, 1 - share.low, share.n)


def _range(share: Interval) -> str:
    """The share and its interval on a line from 0 to 100 % with its middle marked."""
    band = f"left:{100 * share.low:.1f}%;right:{100 - 100 * share.high:.1f}%"
    return (
        f'<div class="range" aria-hidden="true"><i style="{band}"></i><b style="left:{100 * share.value:.1f}%"></b></div>'
        '<div class="scale" aria-hidden="true"><span>0%</span><span>50%</span><span>100%</span></div>'
    )


def _meter(readings: Readings | None, first: str, second: str) -> str:
    if readings is None:
        return ""
    said = sentence(readings.votes, first, second)
    if readings.votes.settled and not readings.voters.settled:
        n = readings.voters.wins + readings.voters.losses
        said += f" But one vote of each voter alone ({n} decisive) does not settle it yet: more voters are needed."
    return f'<p class="meter">{escape(said)}</p>'


def _figures(standing: Standing, shown: Figures, other: Figures, first: str, is_filtered: bool) -> str:
    side = shown.side
    tells = f"{interval(side.share)} of decisive votes; {p_value(side.p)} if sides do not matter" if side.share else "–"
    with_flags, without = (other, shown) if is_filtered else (shown, other)
    facts = [
        (f"{first} preferred, voters as the sample", interval(shown.by_voter)),
        ("The same, votes as independent (Wilson)", interval(shown.decisive)),
        ("Each voter's first vote on each question", interval(shown.once)),
        ("With flagged votes", f"{interval(with_flags.by_voter)}, {many(with_flags.n, 'vote')}"),
        ("Without flagged votes", f"{interval(without.by_voter)}, {many(without.n, 'vote')}"),
        ("Ties, of all votes", interval(shown.tie_rate)),
        ("Both bad, of all votes", interval(shown.both_bad_rate)),
        ("Left side preferred", tells),
        ("Votes and voters", f"{shown.n:,} and {shown.voters:,}"),
        ("Median time to vote", seconds(shown.seconds)),
        ("Repeated battles, counted apart", f"{standing.controls:,}"),
        ("Votes on readability, counted apart", f"{standing.apart:,}"),
    ]
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return f'<dl class="facts">{rows}</dl>'


def readability(standings: Sequence[Standing], titles: Mapping[str, str], is_filtered: bool) -> str:
    """Votes on equal tables: which query reads better. In no other figure."""
    rows = ""
    for each in standings:
        shown = each.filtered if is_filtered else each.raw
        if shown.n:
            who = f"{escape(titles[each.first])} <span>against</span> {escape(titles[each.second])}"
            counts = [f"{count:,}" for count in (shown.ties, shown.both_bad, shown.n, shown.voters)]
            rows += row(READING, [who, interval(shown.by_voter), f"{shown.wins:,} : {shown.losses:,}", *counts], READING[2:])
    if not rows:
        return ""
    return (
        '<section class="votes"><h3>Which query reads better</h3><p>Asked where both results were the same table. These votes say nothing '
        f"about right answers and are in no other figure.</p>{grid(header(READING, READING[2:]), rows, 'Votes on readability')}</section>"
    )


def blindness(found: Sequence[Guesses], titles: Mapping[str, str]) -> str:
    """Whether voters can tell the models apart before the names."""
    rows = ""
    for each in found:
        who = f"{escape(titles[each.first])} <span>against</span> {escape(titles[each.second])}"
        counts = [f"{count:,}" for count in (each.guesses, each.no_idea, each.unanswered, each.voters)]
        rows += row(GUESSES, [who, interval(each.hits, "no guess yet"), *counts], GUESSES[2:])
    if not rows:
        return ""
    return (
        '<section class="votes"><h3>Do names stay hidden?</h3><p>Now and then a voter is asked, after the vote and before the names, which '
        "model A was. 50% is what a coin would get; where the whole interval (Wilson) lies above, voters know the models by their answers, "
        f"and votes may be for a name.</p>{grid(header(GUESSES, GUESSES[2:]), rows, 'Guesses of who was who')}</section>"
    )


def breakdown(found: Mapping[str, Sequence[Standing]], field: Field, titles: Mapping[str, str], is_filtered: bool) -> str:
    """The pairs by the values of a field."""
    values = sorted(found, key=lambda value: (LEVELS.index(value) if value in LEVELS else -1, value))
    heads = (BREAKDOWNS[field].capitalize(), *BROKEN_DOWN)
    rows = "".join(_broken_down(heads, value, each, titles, is_filtered) for value in values for each in found[value])
    if not rows:
        return ""
    unknown = " Unknown: typed questions, which have no gold answer." if "unknown" in values and field != "db" else ""
    levels = " Levels are Spider's, of the gold query." if field == "level" else ""
    return (
        f"<p>Grey: fewer than {FEW} decisive votes. Many groups are many chances to see what is not there: read each with its interval."
        f"{levels}{unknown}</p>{grid(header(heads, heads[3:]), rows, f'Votes by {BREAKDOWNS[field]}')}"
    )


def _broken_down(heads: Sequence[str], value: str, each: Standing, titles: Mapping[str, str], is_filtered: bool) -> str:
    shown = each.filtered if is_filtered else each.raw
    if not shown.n:
        return ""
    share, ahead, behind = shown.by_voter, each.first, each.second
    wins, losses = shown.wins, shown.losses
    if share and share.value < 0.5:
        share, ahead, behind, wins, losses = _turned(share), each.second, each.first, losses, wins
    who = f"{escape(titles[ahead])} <span>against</span> {escape(titles[behind])}"
    counts = [f"{count:,}" for count in (shown.ties, shown.both_bad, shown.n, shown.voters)]
    cells = [escape(value), who, interval(share, "no decisive vote"), f"{wins:,} : {losses:,}", *counts]
    return row(heads, cells, heads[3:], heads[2] if wins + losses < FEW else "")


def ladders(board: Board, titles: Mapping[str, str]) -> str:
    """Bradley-Terry's scale, for three or more models that votes link."""
    told = [each for each in board.ladders if len(each.ratings) > 2]
    if not told:
        return ""
    tables = "".join(_ladder(each, titles) for each in told)
    apart = " Models that no chain of votes links stand in tables of their own." if len(board.ladders) > 1 else ""
    bad = f" {many(board.both_bad, 'both-bad vote')} left out, since they say nothing of who is better." if board.both_bad else ""
    return (
        '<section class="votes"><h3>All models on one scale</h3><p>Bradley-Terry with ties (Davidson), intervals by drawing voters again; '
        f"1,000 is the mean, 400 points are odds of ten to one.{bad}{apart}</p>{tables}</section>"
    )


def _ladder(ladder: Ladder, titles: Mapping[str, str]) -> str:
    rows = ""
    for each in ladder.ratings:
        held = "<small>won or lost everything: only its order is told by votes</small>" if each.held_by_prior else ""
        if each.low is None or each.high is None:
            bound = "none: one voter"
        else:
            bound = f"{1000 + POINTS * each.low:,.0f} to {1000 + POINTS * each.high:,.0f}"
        rank = f"{each.best}" if each.best == each.worst else f"{each.best} to {each.worst}"
        cells = [rank, f"{titled(each.model, titles[each.model])}{held}", f"{each.points:,.0f}", bound, f"{each.wins:,} : {each.losses:,}"]
        rows += row(LADDER, [*cells, f"{each.ties:,}", f"{each.votes:,}"], LADDER[2:])
    counted = f"{many(ladder.votes, 'vote')} by {many(ladder.voters, 'voter')}."
    said = f'<p class="rows">{counted} Ranks that the votes leave open are given as a range.</p>'
    return f"{grid(header(LADDER, LADDER[2:]), rows, 'Models on one scale')}{said}"
