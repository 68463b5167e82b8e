"""Generator of the sample database `airline`: a made-up airline with hubs in Lisbon, Dublin and Singapore, 2021-2025.

Airports, aircraft and routes are fixed; flights, passengers, tickets and crew are drawn from the seed.
Not covered: time zones (all times are UTC) and full schedules (the flights are a thin sample of what an airline flies).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from nl2sql_arena.sampledata import Cell, Data, day, main, maybe, person, pick, skewed

Rows = list[tuple[Cell, ...]]

TODAY = date(2025, 12, 21)
"""Flights after this date have not been flown yet."""

AIRPORTS: Rows = [
    ("LIS", "Humberto Delgado", "Lisbon", "Portugal", True),
    ("OPO", "Francisco Sá Carneiro", "Porto", "Portugal", False),
    ("FNC", "Cristiano Ronaldo", "Funchal", "Portugal", False),
    ("FAO", "Gago Coutinho", "Faro", "Portugal", False),
    ("DUB", "Dublin Airport", "Dublin", "Ireland", True),
    ("ORK", "Cork Airport", "Cork", "Ireland", False),
    ("SIN", "Changi", "Singapore", "Singapore", True),
    ("LHR", "Heathrow", "London", "United Kingdom", False),
    ("LGW", "Gatwick", "London", "United Kingdom", False),
    ("BHX", "Birmingham Airport", "Birmingham", "United Kingdom", False),
    ("EDI", "Edinburgh Airport", "Edinburgh", "United Kingdom", False),
    ("CDG", "Charles de Gaulle", "Paris", "France", False),
    ("ORY", "Orly", "Paris", "France", False),
    ("NCE", "Nice Côte d'Azur", "Nice", "France", False),
    ("MAD", "Adolfo Suárez Barajas", "Madrid", "Spain", False),
    ("BCN", "Josep Tarradellas", "Barcelona", "Spain", False),
    ("VLC", "Valencia Airport", "Valencia", "Spain", False),
    ("ODB", "Córdoba Airport", "Córdoba", "Spain", False),
    ("FRA", "Frankfurt Airport", "Frankfurt", "Germany", False),
    ("MUC", "Franz Josef Strauß", "Munich", "Germany", False),
    ("BER", "Willy Brandt", "Berlin", "Germany", False),
    ("AMS", "Schiphol", "Amsterdam", "Netherlands", False),
    ("FCO", "Leonardo da Vinci", "Rome", "Italy", False),
    ("MXP", "Malpensa", "Milan", "Italy", False),
    ("KRK", "John Paul II", "Kraków", "Poland", False),
    ("WAW", "Frédéric Chopin", "Warsaw", "Poland", False),
    ("CPH", "Kastrup", "Copenhagen", "Denmark", False),
    ("KEF", "Keflavík", "Reykjavík", "Iceland", False),
    ("IST", "Istanbul Airport", "Istanbul", "Türkiye", False),
    ("JFK", "John F. Kennedy", "New York", "United States", False),
    ("EWR", "Newark Liberty", "New York", "United States", False),
    ("ORD", "O'Hare", "Chicago", "United States", False),
    ("BOS", "Logan", "Boston", "United States", False),
    ("SJC", "Norman Y. Mineta", "San José", "United States", False),
    ("BHM", "Shuttlesworth", "Birmingham", "United States", False),
    ("MLB", "Orlando Melbourne", "Melbourne", "United States", False),
    ("YYZ", "Pearson", "Toronto", "Canada", False),
    ("YXU", "London Airport", "London", "Canada", False),
    ("YQY", "McCurdy", "Sydney", "Canada", False),
    ("SJO", "Juan Santamaría", "San José", "Costa Rica", False),
    ("GRU", "Guarulhos", "São Paulo", "Brazil", False),
    ("CGH", "Congonhas", "São Paulo", "Brazil", False),
    ("REC", "Guararapes", "Recife", "Brazil", False),
    ("COR", "Ambrosio Taravella", "Córdoba", "Argentina", False),
    ("SCL", "Arturo Merino Benítez", "Santiago", "Chile", False),
    ("STI", "Cibao", "Santiago", "Dominican Republic", False),
    ("VLN", "Arturo Michelena", "Valencia", "Venezuela", False),
    ("ABJ", "Félix Houphouët-Boigny", "Abidjan", "Côte d'Ivoire", False),
    ("NDJ", "Hassan Djamous", "N'Djamena", "Chad", False),
    ("LOS", "Murtala Muhammed", "Lagos", "Nigeria", False),
    ("CPT", "Cape Town Airport", "Cape Town", "South Africa", False),
    ("JNB", "O. R. Tambo", "Johannesburg", "South Africa", False),
    ("DEL", "Indira Gandhi", "Delhi", "India", False),
    ("BOM", "Chhatrapati Shivaji", "Mumbai", "India", False),
    ("BKK", "Suvarnabhumi", "Bangkok", "Thailand", False),
    ("DMK", "Don Mueang", "Bangkok", "Thailand", False),
    ("HAN", "Nội Bài", "Hanoi", "Vietnam", False),
    ("HND", "Haneda", "Tokyo", "Japan", False),
    ("NRT", "Narita", "Tokyo", "Japan", False),
    ("SYD", "Kingsford Smith", "Sydney", "Australia", False),
    ("MEL", "Tullamarine", "Melbourne", "Australia", False),
    ("AKL", "Auckland Airport", "Auckland", "New Zealand", False),
]

SPOKES: dict[str, dict[str, int]] = {
    "LIS": {"OPO": 60, "LHR": 165, "CDG": 155, "MAD": 80, "FNC": 110, "FRA": 185, "AMS": 180, "BCN": 115, "GRU": 610, "JFK": 480,
            "ORY": 150, "FAO": 50, "MXP": 165, "REC": 460, "EWR": 485, "VLC": 95, "ABJ": 345, "BER": 215, "LOS": 370, "FCO": 180,
            "COR": 760, "KRK": 235, "NDJ": 395, "STI": 540},
    "DUB": {"LHR": 80, "LIS": 165, "JFK": 450, "EDI": 70, "BOS": 420, "ORK": 50, "CDG": 110, "LGW": 85, "BHX": 65, "MAD": 155,
            "ORD": 490, "AMS": 100, "KEF": 160, "MUC": 145, "YYZ": 440, "KRK": 165, "CPH": 130, "WAW": 170, "NCE": 145, "SJC": 660,
            "IST": 260, "SJO": 690},
    "SIN": {"BKK": 145, "SYD": 475, "HND": 415, "MEL": 460, "DEL": 345, "BOM": 330, "LIS": 860, "HAN": 205, "AKL": 610, "CPT": 690,
            "DMK": 145, "JNB": 650, "NRT": 425, "DUB": 850},
}
"""Hub -> destination -> minutes, busiest first."""

ONE_WAY = ("NDJ", "STI", "NRT")
"""Airports that are flown to, but from which no flight of the airline leaves."""

FLEET: list[tuple[str, str, int, str, list[int]]] = [
    ("ATR", "72-600", 70, "turboprop", [2011, 2014, 2014, 2019]),
    ("Embraer", "E190", 106, "short", [2009, 2012, 2012, 2016]),
    ("Embraer", "E195-E2", 136, "short", [2020, 2021, 2023, 2025]),
    ("Airbus", "A319", 138, "short", [2003, 2005, 2006]),
    ("Airbus", "A320", 174, "short", [2006, 2009, 2010, 2013, 2015]),
    ("Airbus", "A320neo", 174, "short", [2018, 2019, 2019, 2021, 2022, 2024]),
    ("Boeing", "737-800", 189, "short", [2008, 2011, 2016]),
    ("Airbus", "A330-300", 285, "long", [2004, 2010, 2012]),
    ("Airbus", "A330-900", 298, "long", [2019, 2020, 2023]),
    ("Boeing", "787-9", 298, "long", [2016, 2017, 2019, 2022, 2025]),
    ("Boeing", "777-300ER", 364, "long", [2007, 2013]),
]
RETIREMENTS = {"A319": date(2022, 10, 31), "A330-300": date(2023, 3, 25), "72-600": date(2024, 6, 30), "E190": date(2025, 2, 28)}
"""The oldest aircraft of each of these models left the fleet on this date."""
NEVER_FLOWN = ("E195-E2 2025", "787-9 2025")

KNOWN_PASSENGERS: list[tuple[str, str, str | None, date | None, str | None]] = [
    ("Siobhán", "O'Brien", "Ireland", date(1978, 3, 17), "Gold"),
    ("Siobhán", "O'Brien", "United Kingdom", date(1991, 11, 2), None),
    ("José", "García", "Spain", date(1969, 6, 24), "Platinum"),
    ("José", "García", "Mexico", None, None),
    ("Jean-Luc", "Dubois", "France", date(1958, 7, 13), "Platinum"),
    ("Thabo", "Nkosi", "South Africa", date(1985, 4, 27), "Silver"),
    ("Łukasz", "Wójcik", "Poland", date(1994, 1, 9), None),
    ("Mei", "Tanaka", None, date(2001, 8, 30), "Silver"),
    ("María José", "dos Santos", "Brazil", date(1988, 2, 29), "Gold"),
    ("Seán", "O'Neill", "Ireland", None, "Platinum"),
]
COUNTRIES: dict[str, float] = {
    "Portugal": 16, "Ireland": 13, "Singapore": 9, "United Kingdom": 9, "Spain": 6, "France": 6, "Germany": 5, "United States": 5,
    "Brazil": 5, "Australia": 4, "India": 4, "Netherlands": 3, "Italy": 3, "Poland": 3, "Japan": 2, "Thailand": 2, "South Africa": 2,
    "Nigeria": 2, "Greece": 1.5, "Mexico": 1.5, "Vietnam": 1, "Canada": 1, "Sweden": 1, "Morocco": 1, "Angola": 1, "New Zealand": 0.7, "Iceland": 0.5,
}

CHIEFS = [
    ("Inês da Silva", "Captain", "LIS", date(1996, 5, 2)),
    ("Eero Virtanen", "Captain", "DUB", date(1999, 9, 15)),
    ("Grace Li", "Captain", "SIN", date(2001, 2, 12)),
    ("Ngozi Okafor", "Purser", "LIS", date(1998, 11, 30)),
    ("Seán O'Neill", "Purser", "DUB", date(2000, 4, 3)),
]
NAMESAKES = [
    ("Anna Kowalski", "Flight Attendant", "LIS", date(2015, 3, 1)),
    ("Anna Kowalski", "Flight Attendant", "DUB", date(2019, 6, 1)),
    ("Omar Haddad", "First Officer", "SIN", date(2017, 10, 10)),
    ("Omar Haddad", "Captain", "LIS", date(2008, 1, 20)),
]
JOBS: dict[str, float] = {"Captain": 28, "First Officer": 32, "Purser": 18, "Flight Attendant": 62}
BASES: dict[str, float] = {"LIS": 45, "DUB": 32, "SIN": 17, "OPO": 6}

YEARS: dict[int, float] = {2021: 55, 2022: 95, 2023: 115, 2024: 125, 2025: 130}
MONTHS: dict[int, float] = {1: 7, 2: 7, 3: 8, 4: 8, 5: 9, 6: 10, 7: 12, 8: 12, 9: 9, 10: 8, 11: 6, 12: 8}
LATE = {"LHR": 14, "CDG": 9, "JFK": 12, "EWR": 16, "LIS": 6, "FRA": 5, "DEL": 9, "GRU": 4, "LOS": 10}
"""Extra minutes of delay at crowded airports."""


@dataclass(frozen=True)
class Route:
    """One flight number: from where, to where, how long and when in the day."""

    number: str
    origin: str
    destination: str
    minutes: int
    start: time
    weight: float

    @property
    def kind(self) -> str:
        """The kind of aircraft that flies it."""
        return "long" if self.minutes > 300 else "turboprop" if self.minutes <= 80 else "short"


@dataclass(frozen=True)
class Plane:
    """One aircraft and its years of service."""

    tail: str
    maker: str
    model: str
    seats: int
    kind: str
    built: int
    retired: date | None

    def flies(self, kind: str, on: date) -> bool:
        """Whether it serves this kind of route on this date."""
        fits = self.kind == kind or (kind == "turboprop" and self.kind == "short")
        ready = date(self.built, 6, 1) <= on and (self.retired is None or on < self.retired)
        return fits and ready and f"{self.model} {self.built}" not in NEVER_FLOWN


@dataclass(frozen=True)
class Trip:
    """One flight on one date."""

    id: int
    route: Route
    tail: str | None
    departs: datetime
    status: str
    delay: int | None


def routes(rng: random.Random) -> list[Route]:
    """All flight numbers: odd ones away from the hub, even ones back."""
    found: list[Route] = []
    number = 101
    for hub, spokes in SPOKES.items():
        for rank, (spoke, minutes) in enumerate(spokes.items()):
            weight = 1.0 / (rank + 2) ** 0.8 * (0.7 if hub == "SIN" else 1.0)
            for back in (False, True):
                start = time(rng.randrange(5, 23), rng.randrange(0, 60, 5))
                ends = (spoke, hub) if back else (hub, spoke)
                if not (back and spoke in ONE_WAY):
                    found.append(Route(f"MR{number + back}", *ends, minutes + (5 if back else 0), start, weight))
            number += 2
    return found


def fleet() -> list[Plane]:
    """All aircraft, with Portuguese registrations."""
    planes: list[Plane] = []
    for maker, model, seats, kind, years in FLEET:
        for index, built in enumerate(years):
            letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
            tail = f"CS-M{letters[len(planes) // 24]}{letters[len(planes) % 24]}"
            planes.append(Plane(tail, maker, model, seats, kind, built, RETIREMENTS.get(model) if index == 0 else None))
    return planes


def flight_date(rng: random.Random) -> date:
    """A date: few in 2021, most in summer."""
    year, month = pick(rng, YEARS), pick(rng, MONTHS)
    return day(rng, date(year, month, 1), date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1))


def outcome(rng: random.Random, route: Route, on: date) -> tuple[str, int | None]:
    """Status and delay of a flight."""
    if on > TODAY:
        return pick(rng, {"scheduled": 0.95, "cancelled": 0.05}), None
    cancelled = 0.07 if on.year == 2021 else 0.04 if on.month in (12, 1, 2) else 0.02
    status = pick(rng, {"landed": 0.993 - cancelled, "cancelled": cancelled, "diverted": 0.007})
    delay = int(rng.expovariate(1 / 17)) - 14 + rng.randrange(1 + LATE.get(route.origin, 0) + LATE.get(route.destination, 0))
    delay += rng.randrange(60, 300) if rng.random() < 0.03 else 0
    return status, maybe(rng, delay, 0.02) if status == "landed" else None


def trips(rng: random.Random, planes: Sequence[Plane], count: int) -> list[Trip]:
    """Flights in order of time; no flight number and no aircraft twice on a date."""
    network = {route: route.weight for route in routes(rng)}
    plan: dict[tuple[date, str], Route] = {}
    while len(plan) < count:
        route = pick(rng, network)
        plan[(flight_date(rng), route.number)] = route
    busy: dict[tuple[date, str], bool] = {}
    found: list[Trip] = []
    for (on, _), route in sorted(plan.items(), key=lambda item: (item[0][0], item[1].start, item[1].number)):
        status, delay = outcome(rng, route, on)
        fit = [plane.tail for plane in planes if plane.flies(route.kind, on) and (on, plane.tail) not in busy]
        unassigned = not fit or (status in ("cancelled", "scheduled") and rng.random() < 0.6)
        tail = None if unassigned else fit[skewed(rng, len(fit), 1.3)]
        if tail:
            busy[(on, tail)] = True
        found.append(Trip(len(found) + 1, route, tail, datetime.combine(on, route.start), status, delay))
    return found


def passengers(rng: random.Random, count: int) -> Rows:
    """Passengers: the known ones first, then people drawn at random."""
    rows: Rows = [(index + 1, *known) for index, known in enumerate(KNOWN_PASSENGERS)]
    while len(rows) < count:
        first, last = person(rng)
        born = maybe(rng, day(rng, date(1938, 1, 1), date(2019, 12, 31)), 0.09)
        tier = pick(rng, {None: 72, "Silver": 17, "Gold": 8, "Platinum": 3})
        rows.append((len(rows) + 1, first, last, maybe(rng, pick(rng, COUNTRIES), 0.04), born, tier))
    return rows


def fare_price(rng: random.Random, trip: Trip) -> tuple[str, Decimal | None]:
    """Fare class and price: round promotional prices tie, miles tickets have none."""
    long = trip.route.minutes > 300
    fares: dict[str, float] = {"Economy": 78, "Premium": 10, "Business": 10, "First": 2} if long else {"Economy": 88, "Business": 12}
    fare = pick(rng, fares)
    factor = {"Economy": 1.0, "Premium": 1.8, "Business": 3.4, "First": 6.5}[fare]
    price = (25 + trip.route.minutes * 0.75) * factor * (0.7 + 0.9 * rng.random() ** 2) * (1 + 0.04 * (trip.departs.year - 2021))
    if rng.random() < 0.35:
        price = max(1, round(price / 10)) * 10 - 1
    return fare, maybe(rng, Decimal(str(round(price, 2))).quantize(Decimal("0.01")), 0.05)


def seat(rng: random.Random, trip: Trip) -> str | None:
    """A seat; none if nobody checked in."""
    if trip.status in ("cancelled", "scheduled") or rng.random() < 0.04:
        return None
    return f"{rng.randrange(1, 40 if trip.route.minutes > 300 else 28)}{rng.choice('ABCDEF')}"


def tickets(rng: random.Random, flown: Sequence[Trip], travellers: int) -> Rows:
    """Tickets in order of booking: a few passengers fly much, some never, and nobody twice on a date."""
    others = list(range(len(KNOWN_PASSENGERS) + 1, travellers + 1))
    rng.shuffle(others)
    ranked = others[:40] + list(range(1, len(KNOWN_PASSENGERS) + 1)) + others[40:]
    active = int(travellers * 0.88)
    busy: dict[tuple[date, int], bool] = {}
    drawn: Rows = []
    for trip in flown:
        on = trip.departs.date()
        for _ in range(1 + skewed(rng, 9, 1.8) if rng.random() < 0.9 else 0):
            who = ranked[skewed(rng, active, 1.5)]
            if (on, who) not in busy:
                busy[(on, who)] = True
                booked = on - timedelta(days=skewed(rng, 240, 2.2))
                drawn.append((trip.id, who, *fare_price(rng, trip), min(booked, TODAY), seat(rng, trip)))
    drawn.sort(key=lambda row: (str(row[4]), str(row[0])))
    return [(index + 1, *row) for index, row in enumerate(drawn)]


def crew(rng: random.Random, count: int) -> Rows:
    """Crew: chiefs first, then namesakes, then people drawn at random; the newest have no base yet."""
    rows: Rows = [(index + 1, *chief, None if index == 0 else 1) for index, chief in enumerate(CHIEFS)]
    rows += [(len(CHIEFS) + 1 + index, *same, 1 + index) for index, same in enumerate(NAMESAKES)]
    while len(rows) < count:
        job = pick(rng, JOBS)
        hired = day(rng, date(2025, 12, 1), TODAY) if len(rows) >= count - 8 else day(rng, date(2002, 1, 1), date(2025, 6, 30))
        base = None if hired > date(2025, 3, 1) else pick(rng, BASES)
        boss = rng.choice((1, 2, 3) if job in ("Captain", "First Officer") else (4, 5))
        if job == "Flight Attendant" and rng.random() < 0.5:
            boss = rng.choice([int(str(row[0])) for row in rows if row[2] == "Purser"])
        rows.append((len(rows) + 1, " ".join(person(rng)), job, base, hired, boss))
    return rows


def duties(rng: random.Random, flown: Sequence[Trip], staff: Rows) -> Rows:
    """Who worked on which flight: two pilots and one to three others, each at most once a date."""
    found: Rows = []
    busy: dict[tuple[date, int], bool] = {}
    for trip in flown:
        on = trip.departs.date()
        if trip.status in ("cancelled", "scheduled"):
            continue
        cabin = 3 if trip.route.minutes > 300 else 1 if trip.route.kind == "turboprop" else rng.randrange(1, 3)
        wanted = ["Captain", "First Officer", *(["Purser"] if cabin > 1 else []), *["Flight Attendant"] * (cabin - (cabin > 1))]
        for job in wanted:
            free = [int(str(row[0])) for row in staff if row[2] == job and str(row[4]) < str(on) and (on, int(str(row[0]))) not in busy]
            if free and rng.random() < 0.98:
                who = free[skewed(rng, len(free), 1.4)]
                busy[(on, who)] = True
                found.append((trip.id, who))
    return found


def generate(seed: int = 0) -> Data:
    """All tables, referenced ones first."""
    rng = random.Random(seed)
    planes = fleet()
    flown = trips(rng, planes, 6200)
    people = passengers(rng, 2600)
    staff = crew(rng, 150)
    flights: Rows = [
        (trip.id, trip.route.number, trip.route.origin, trip.route.destination, trip.tail, trip.departs, trip.route.minutes,
         trip.status, trip.delay)
        for trip in flown
    ]
    return {
        "airport": (("code", "name", "city", "country", "hub"), sorted(AIRPORTS, key=lambda row: str(row[0]))),
        "aircraft": (
            ("tail", "maker", "model", "seats", "built", "retired"),
            [(plane.tail, plane.maker, plane.model, plane.seats, plane.built, plane.retired) for plane in planes],
        ),
        "flight": (("id", "flight_no", "origin", "destination", "tail", "departs", "minutes", "status", "delay"), flights),
        "passenger": (("id", "first_name", "last_name", "country", "born", "tier"), people),
        "ticket": (
            ("id", "flight_id", "passenger_id", "fare", "price", "booked", "seat"),
            tickets(rng, flown, len(people)),
        ),
        "crew": (("id", "name", "job", "base", "hired", "boss_id"), staff),
        "duty": (("flight_id", "crew_id"), duties(rng, flown, staff)),
    }


if __name__ == "__main__":
    main(generate, Path(__file__).parent)
