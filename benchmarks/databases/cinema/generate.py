"""Seeded generator of the benchmark database `cinema`: an invented chain of cinemas in five countries, 2019 to 2024.

Houses, film titles, directors and names of persons come from fixed pools; which film runs where, who books and at what price is drawn.
Not covered: loading the files, which the application does.
"""

import random
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from nl2sql_arena.sampledata import Cell, Data, day, main, maybe, pick, skewed

Row = tuple[Cell, ...]

FIRST_DAY = date(2019, 1, 1)
LAST_DAY = date(2024, 12, 31)
SHUT = (date(2020, 3, 16), date(2020, 6, 30))
"""No house plays between these days."""

N_MEMBERS = 1300
N_SCREENINGS = 3000
N_BOOKINGS = 9600

CINEMAS: tuple[tuple[str, str, str, date | None, date | None, bool, bool, int], ...] = (
    ("Lumière", "Lyon", "France", date(1987, 5, 14), None, False, True, 5),
    ("Lumière", "Nantes", "France", date(1999, 11, 3), None, True, True, 6),
    ("Étoile du Nord", "Lille", "France", date(2004, 3, 26), None, True, False, 5),
    ("L'Écran Bleu", "Lyon", "France", date(1974, 9, 2), date(2021, 6, 30), False, False, 2),
    ("Cine Estrella", "Málaga", "Spain", date(2008, 6, 20), None, True, True, 7),
    ("Cine Estrella", "Gijón", "Spain", date(2011, 10, 7), None, True, False, 4),
    ("Palacio Real", "Zaragoza", "Spain", date(1992, 4, 1), None, False, True, 5),
    ("The Corner House", "Galway", "Ireland", date(2001, 8, 17), None, False, True, 3),
    ("O'Malley's Picture House", "Cork", "Ireland", date(1968, 12, 5), None, False, True, 2),
    ("Grand Canal", "Dublin", "Ireland", date(2016, 2, 12), None, True, True, 8),
    ("Aurora", "Porto", "Portugal", date(2013, 9, 27), None, True, False, 4),
    ("São Jorge", "Lisboa", "Portugal", date(1995, 1, 19), None, False, True, 5),
    ("Sputnik", "Köln", "Germany", date(2018, 10, 11), None, True, True, 6),
    ("Kammerspiele", "Münster", "Germany", date(1981, 2, 6), date(2023, 12, 31), False, False, 2),
    ("Aurora", "Leipzig", "Germany", date(2022, 9, 15), None, True, True, 4),
    ("Faro", "Faro", "Portugal", None, None, True, True, 0),
)
"""Name, city, country, opening and closing day, car park, bar and number of auditoriums."""

LANGUAGES = {
    "France": "French", "Spain": "Spanish", "Ireland": "English", "Portugal": "Portuguese", "Germany": "German",
    "United States": "English", "United Kingdom": "English", "Japan": "Japanese", "South Korea": "Korean", "Brazil": "Portuguese",
    "Mexico": "Spanish", "Belgium": "French", "Italy": "Italian", "Iran": "Persian", "Denmark": "Danish",
}  # fmt: skip
ORIGINS = {
    "United States": 30.0, "France": 20.0, "United Kingdom": 12.0, "Spain": 10.0, "Germany": 8.0, "Japan": 7.0, "Ireland": 5.0,
    "South Korea": 4.0, "Italy": 4.0, "Brazil": 3.0, "Portugal": 3.0, "Mexico": 2.0, "Belgium": 2.0, "Denmark": 2.0, "Iran": 1.0,
}  # fmt: skip
GENRES = {
    "drama": 26.0, "comedy": 18.0, "thriller": 14.0, "animation": 10.0, "documentary": 9.0, "horror": 8.0, "science fiction": 7.0,
    "romance": 5.0, "musical": 3.0,
}  # fmt: skip
TITLES = (
    "Salt and Thunder", "The Last Ferry", "Café Mirador", "Nine Winters", "Paper Tigers", "The Beekeeper's Debt", "Ash Wednesday",
    "Été indien", "La Niña de Hielo", "Under the Viaduct", "Moonless", "The Cartographers", "Glass Orchard", "Le Dernier Métro de Minuit",
    "Copper Sky", "Don't Wake the River", "A Small Republic", "Velvet Static", "Die Stille danach", "Saudade Express", "Tin Soldiers",
    "The Understudy", "Kites over Busan", "Mother's Atlas", "Low Tide", "High Tide", "Corazón de Papel", "The Eleventh Floor",
    "Sleepwalkers", "Ghost Harvest", "Über den Dächern", "Polaris Down", "Red Clay", "Nobody's Orchestra", "The Lantern Keeper",
    "Robot Grandma", "Penguins on Parade", "Otto & Ida", "The Great Marmalade Heist", "Señor Octubre", "Room 409", "The Long Yes",
    "Blackthorn", "Winterreise 2040", "L'Île aux Chats", "Fado para Dois", "Silent Frequencies", "Iron Meadow", "Half a Sister",
    "The Weight of Feathers", "Orbit of One", "Carnival of Crows", "Marseille, 4 a.m.", "Dust Cathedral", "Little Comet",
    "Bring Your Own Stars", "The Accountant's Holiday", "Écume", "Sugar Season", "Hollow Creek", "The Second Piano", "Nightjar",
    "Tomorrow's Weather", "Ten Minutes to Lisbon", "Wolf Summer", "A House in Gijón", "The Tailor of Cork", "Brightwater",
    "Zero Visibility", "Dragon Bakery", "The Snow Committee", "Canción sin Fin", "Parallel Lines", "Granite", "My Cousin Vesna",
    "Tangerine", "Borrowed Light", "The Disappearing Lake", "King of Nowhere", "Mirror, Mirror, Murder", "Queen of the Allotments",
    "Pour Zoé", "Rust", "The Umbrella Thieves", "Five Easy Lies", "After the Matinée", "Kaltes Klares Wasser", "Seaside Rhapsody",
    "Unterwegs", "The Quiet Carriage", "Tarantella", "Monster in the Attic", "Zwei Brüder", "Northern Line", "Flamingo Road Trip",
    "The Apprentice Baker", "Crimson Hour", "The Art of Queueing", "Bicycle Opera", "Olá, Lisboa", "Mud", "The Interpreter's Ear",
    "Starlight Motel", "Deep Field", "Honey & Vinegar", "Concrete Garden", "Hotel Tranquilidad", "Gravity Lessons", "Bones of Summer",
    "The Visitors", "Ninety-Nine Steps", "Silver Lining", "Echo Valley", "Faraway Kitchen", "Love, Eventually", "Hush",
)  # fmt: skip
REMADE = ("The Last Ferry", "Moonless", "Nightjar", "Low Tide", "Granite", "The Visitors", "Hush", "Sleepwalkers")
"""Titles that two films carry."""
DIRECTORS = (
    "Inès Marchetti", "Haruka Onishi", "Pádraig Quinlan", "Lucía Armendáriz", "Thomas Vandenberghe", "Greta Hollstein", "Rui Falcão",
    "Min-jae Seo", "Delphine Aubry", "Marcus Whitfield", "Carmen Olazábal", "Ravi Menon", "Anneke Brandt", "Beatriz Nogueira",
    "Joel Hargrove", "Farhad Rostami", "Niamh O'Dowd", "Étienne Rochefort", "Signe Kjær", "Paolo Bellandi", "Ximena Ríos",
    "Charlotte Pembroke", "Teruo Kitagawa", "Dolores Quiroga",
)  # fmt: skip
FIRST = (
    "Ana", "Aoife", "Bruno", "Camille", "Carlos", "Céline", "Ciarán", "Clara", "Daniel", "Elena", "Élodie", "Felix", "Fionnuala",
    "François",
    "Gonçalo", "Hannah", "Héctor", "Hugo", "Ines", "Iván", "Jonas", "Julia", "Jürgen", "Karim", "Lena", "Léa", "Lucas", "Luísa", "Malik",
    "Manon", "Marta", "Niamh", "Nuria", "Oisín", "Paul", "Pilar", "Raúl", "Róisín", "Sabine", "Samira", "Théo", "Tiago", "Ulrike", "Vera",
)  # fmt: skip
LAST = (
    "Almeida", "Bauer", "Benali", "Bernard", "Byrne", "Carvalho", "Castaño", "Costa", "D'Arcy", "Doyle", "Durand", "Fischer", "Fontaine",
    "Gallagher", "Gómez", "Gonçalves", "Groß", "Hernández", "Hoffmann", "Ibáñez", "Keane", "Köhler", "Lambert", "Lefort", "Lozano", "Mäder",
    "Magalhães", "McCarthy", "Moreau", "Nowak", "Núñez", "O'Connell", "O'Sullivan", "Pereira", "Petit", "Ramos", "Richter", "Ruiz",
    "Schäfer", "Vogel",
)  # fmt: skip
TOWNS = {
    "Lyon": 12.0, "Dublin": 12.0, "Málaga": 11.0, "Nantes": 8.0, "Köln": 8.0, "Lisboa": 8.0, "Porto": 7.0, "Zaragoza": 6.0, "Lille": 6.0,
    "Cork": 5.0, "Galway": 5.0, "Gijón": 4.0, "Leipzig": 4.0, "Münster": 3.0, "Bonn": 2.0, "Marbella": 2.0, "Saint-Étienne": 2.0,
    "Braga": 1.5, "Limerick": 1.5,
}  # fmt: skip

KINDS = {"standard": 62.0, "3D": 17.0, "recliner": 14.0, "IMAX": 7.0}
CAPACITIES = (48, 64, 80, 80, 96, 120, 120, 150, 180, 220)
PRICES = {"standard": Decimal("9.50"), "3D": Decimal("12.00"), "recliner": Decimal("14.50"), "IMAX": Decimal("16.00")}
RATINGS = {"U": 18.0, "PG": 17.0, "12": 24.0, "15": 26.0, "18": 15.0}
HOURS = {11: 4.0, 14: 10.0, 16: 14.0, 17: 12.0, 18: 17.0, 20: 26.0, 21: 11.0, 22: 6.0}
TIERS = {"basic": 63.0, "silver": 25.0, "gold": 12.0}
CHANNELS = {"app": 44.0, "website": 31.0, "counter": 20.0, "phone": 5.0}
STATUSES = {"attended": 86.0, "no-show": 8.0, "refunded": 6.0}
SEATS = {1: 31.0, 2: 44.0, 3: 11.0, 4: 9.0, 5: 3.0, 6: 1.5, 12: 0.5}
STARS = {5: 27.0, 4: 34.0, 3: 21.0, 2: 11.0, 1: 7.0}


def films(rng: random.Random) -> list[Row]:
    """All films in a mixed order; the second film of a title has another director and country."""
    titles = [*TITLES, *REMADE]
    rng.shuffle(titles)
    seen: dict[str, tuple[Cell, Cell]] = {}
    rows: list[Row] = []
    for i, title in enumerate(titles):
        director, country = maybe(rng, rng.choice(DIRECTORS), 0.08), pick(rng, ORIGINS)
        while title in seen and (director is None or director == seen[title][0] or country == seen[title][1]):
            director, country = rng.choice(DIRECTORS), pick(rng, ORIGINS)
        seen[title] = (director, country)
        genre = pick(rng, GENRES)
        low, high = (74, 104) if genre in {"animation", "documentary"} else (83, 168)
        runtime = maybe(rng, round(rng.triangular(low, high, low + 22)), 0.05)
        ages = {"U": 60.0, "PG": 40.0} if genre == "animation" else {"15": 55.0, "18": 45.0} if genre == "horror" else RATINGS
        first = day(rng, date(1962, 1, 1), date(2015, 12, 31)) if rng.random() < 0.16 else day(rng, date(2016, 1, 1), date(2024, 10, 31))
        budget = maybe(rng, Decimal(str(round(0.4 * (180 / 0.4) ** rng.random(), 1))), 0.22)
        rating = maybe(rng, pick(rng, ages), 0.07)
        rows.append((i + 1, title, director, genre, country, LANGUAGES[country], runtime, rating, first, budget))
    return rows


def screens(rng: random.Random) -> list[Row]:
    """The auditoriums of each house; the first one of a house is the largest in most cases."""
    rows: list[Row] = []
    for cinema_id, (*_, opened, _, _, _, n) in enumerate(CINEMAS, 1):
        sizes = sorted((rng.choice(CAPACITIES) for _ in range(n)), reverse=rng.random() < 0.7)
        for number, size in enumerate(sizes, 1):
            kind = pick(rng, KINDS)
            capacity = 300 + 20 * rng.randrange(5) if kind == "IMAX" else size // 2 if kind == "recliner" else size
            assert isinstance(opened, date)
            renewed = maybe(rng, day(rng, max(opened, date(2009, 1, 1)), date(2024, 6, 30)), 0.55)
            rows.append((len(rows) + 1, cinema_id, f"Screen {number}", capacity, kind, renewed))
    return rows


def play_day(rng: random.Random, first: date, last: date) -> date:
    """A day in a period on which houses play; weekends, autumn and winter are busier, and years grow busier from 2020 on."""
    while True:
        found = day(rng, first, last)
        busy = (1.0 if found.weekday() > 3 else 0.55) * (1.0 if found.month in {1, 2, 10, 11, 12} else 0.7)
        if not SHUT[0] <= found <= SHUT[1] and rng.random() < busy:
            return found


def screenings(rng: random.Random, catalogue: list[Row], halls: list[Row]) -> list[Row]:
    """All showings by time; a tenth of the films never run, and most showings fall into the two years after the premiere."""
    shown = [film for film in catalogue if rng.random() > 0.1]
    rng.shuffle(shown)
    planned: set[tuple[datetime, int, int]] = set()
    taken: set[tuple[datetime, int]] = set()
    while len(planned) < N_SCREENINGS:
        film, hall = shown[skewed(rng, len(shown), 1.8)], halls[skewed(rng, len(halls), 1.15)]
        premiere, cinema = film[8], CINEMAS[int(str(hall[1])) - 1]
        opened, closed = cinema[3], cinema[4]
        assert isinstance(premiere, date)
        assert isinstance(opened, date)
        first, last = max(FIRST_DAY, opened, premiere), closed or LAST_DAY
        if premiere >= FIRST_DAY and rng.random() < 0.85:
            last = min(last, premiere + timedelta(days=500))
        if (last - first).days < 30:
            continue
        at = datetime.combine(play_day(rng, first, last), time(pick(rng, HOURS), rng.choice((0, 0, 15, 30, 30, 45))))
        if (at, int(str(hall[0]))) not in taken:
            taken.add((at, int(str(hall[0]))))
            planned.add((at, int(str(hall[0])), int(str(film[0]))))
    language, kind = {row[0]: row[5] for row in catalogue}, {row[0]: (str(row[4]), int(str(row[1]))) for row in halls}
    rows: list[Row] = []
    for i, (at, hall_id, film_id) in enumerate(sorted(planned), 1):
        name, cinema_id = kind[hall_id]
        local = LANGUAGES[CINEMAS[cinema_id - 1][2]]
        version = "original" if language[film_id] == local else pick(rng, {"subtitled": 55.0, "dubbed": 45.0})
        price = PRICES[name] + (Decimal("0.50") * (at.year - 2019)) - (Decimal("2.50") if at.hour < 17 else Decimal(0))
        rows.append((i, film_id, hall_id, at, version, price, rng.random() < 0.03))
    return rows


def members(rng: random.Random) -> list[Row]:
    """All members by the day they joined; some towns have no house."""
    days = sorted(day(rng, date(2017, 3, 1), date(2024, 12, 20)) for _ in range(N_MEMBERS))
    house = {cinema[1]: number for number, cinema in enumerate(CINEMAS, 1)}
    rows: list[Row] = []
    for i, joined in enumerate(days, 1):
        town = pick(rng, TOWNS)
        favourite = house.get(town) if rng.random() < 0.8 else rng.randrange(len(CINEMAS)) + 1
        born = maybe(rng, day(rng, date(1942, 1, 1), date(2006, 12, 31)), 0.12)
        name, family = rng.choice(FIRST), rng.choice(LAST)
        rows.append((i, name, family, maybe(rng, town, 0.06), born, joined, pick(rng, TIERS), maybe(rng, favourite, 0.15)))
    return rows


def bookings(rng: random.Random, shows: list[Row], people: list[Row], halls: list[Row]) -> list[Row]:
    """All reservations by time; a third are by guests, some showings have none, seats never exceed the auditorium."""
    capacity = {row[0]: int(str(row[3])) for row in halls}
    draw = [rng.random() ** 4 + 0.01 for _ in shows]
    regular = [0.0 if rng.random() < 0.17 else rng.random() ** 5 + 0.02 for _ in people]
    sold: dict[Cell, int] = {}
    made: list[Row] = []
    while len(made) < N_BOOKINGS:
        show = rng.choices(shows, weights=draw)[0] if len(made) % 400 else rng.choice(shows)
        starts, price = show[3], show[5]
        assert isinstance(starts, datetime)
        assert isinstance(price, Decimal)
        seats = pick(rng, SEATS)
        at = starts - timedelta(minutes=int(rng.expovariate(1 / 4000)) + 3)
        person = None if rng.random() < 0.34 else rng.choices(people, weights=regular)[0]
        joined = person[5] if person else None
        if sold.get(show[0], 0) + seats > capacity[show[2]] or (isinstance(joined, date) and joined > at.date()):
            continue
        sold[show[0]] = sold.get(show[0], 0) + seats
        share = Decimal({"gold": "0.80", "silver": "0.90"}.get(str(person[6]) if person else "", "1.00"))
        amount = Decimal("0.00") if rng.random() < 0.025 else (price * share * seats).quantize(Decimal("0.01"))
        status = "refunded" if show[6] else pick(rng, STATUSES)
        stars = maybe(rng, pick(rng, STARS), 0.55) if person and status == "attended" else None
        made.append((show[0], person[0] if person else None, at, seats, amount, maybe(rng, pick(rng, CHANNELS), 0.03), status, stars))
    return [(i, *row) for i, row in enumerate(sorted(made, key=lambda row: (str(row[2]), str(row[0]))), 1)]


def generate(seed: int = 0) -> Data:
    """All tables, the same for the same seed."""
    rng = random.Random(seed)
    catalogue, halls = films(rng), screens(rng)
    shows, people = screenings(rng, catalogue, halls), members(rng)
    houses: list[Row] = [(i, *cinema[:7]) for i, cinema in enumerate(CINEMAS, 1)]
    titled = ("id", "title", "director", "genre", "country", "language", "runtime_minutes", "age_rating", "premiered_on", "budget_millions")
    booked = ("id", "screening_id", "member_id", "booked_at", "seats", "amount", "channel", "status", "stars")
    return {
        "films": (titled, catalogue),
        "cinemas": (("id", "name", "city", "country", "opened_on", "closed_on", "has_parking", "has_bar"), houses),
        "screens": (("id", "cinema_id", "label", "capacity", "kind", "renovated_on"), halls),
        "screenings": (("id", "film_id", "screen_id", "starts_at", "version", "ticket_price", "cancelled"), shows),
        "members": (("id", "first_name", "last_name", "city", "born_on", "joined_on", "tier", "home_cinema_id"), people),
        "bookings": (booked, bookings(rng, shows, people, halls)),
    }


if __name__ == "__main__":
    main(generate, Path(__file__).parent)
