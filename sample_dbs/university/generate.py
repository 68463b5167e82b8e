"""Seeded generator of the sample database `university`: writes one CSV file a table into `data/`.

Departments, courses and prerequisites are fixed; professors start with fixed names; everything else is drawn. Not covered: the
university's rules (nobody checks prerequisites, overbooked sections are possible), which is deliberate.
"""

import random
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from nl2sql_arena.sampledata import Cell, Data, day, main, maybe, person, pick, skewed

Row = tuple[Cell, ...]
Course = tuple[int, str, str, int, int]
"""Id, code, title, credits, department."""

STUDENTS = 3000
PROFESSORS = 96
YEARS = range(2021, 2026)

DEPARTMENTS: tuple[tuple[str, str | None, int | None], ...] = (
    ("Computer Science", "Turing Hall", 4200000), ("Mathematics", "Turing Hall", 2100000), ("Physics", "Curie Building", 3600000),
    ("Chemistry", "Curie Building", 3600000), ("Biology", "Darwin Building", 3900000), ("Psychology", "Darwin Building", 1800000),
    ("History", "Old Main", 950000), ("Philosophy", "Old Main", 640000), ("Literature", "Old Main", 950000),
    ("Economics", "Keynes House", 2700000), ("Law", None, 2250000), ("Music", "Bach Hall", None),
    ("Astronomy", "Curie Building", 780000),
    ("Classics", "Old Main", 120000), ("Statistics", "Turing Hall", None),
)
"""Name, building, budget. Astronomy has no majors, Classics no professors, Statistics neither courses nor majors."""

MAJORS: dict[int, float] = {1: 20, 10: 15, 6: 12, 5: 11, 11: 9, 2: 8, 3: 7, 9: 6, 7: 5, 4: 4, 12: 2, 8: 1.5, 14: 0.3}
TEACHING: dict[int, float] = {1: 17, 2: 11, 3: 9, 4: 8, 5: 10, 6: 8, 7: 6, 8: 4, 9: 6, 10: 10, 11: 6, 12: 4, 13: 3, 15: 2}

COURSES: dict[int, tuple[str, str]] = {
    1: ("CS", ("101:Introduction to Programming:6|102:Discrete Structures:5|201:Data Structures:6|202:Computer Architecture:5|"
                "210:Databases:5|301:Algorithms:6|310:Operating Systems:6|320:Machine Learning:6|330:Computer Networks:5|401:Compilers:6|"
                "410:Deep Learning:8|490:Research Seminar:3|495:Bachelor Thesis:12")),
    2: ("MA", ("101:Calculus I:6|102:Calculus II:6|110:Linear Algebra:6|201:Probability:5|202:Statistics:5|301:Real Analysis:8|"
                "310:Abstract Algebra:8|320:Numerical Methods:5|401:Topology:8|490:Research Seminar:3")),
    3: ("PH", ("101:Mechanics:6|102:Electromagnetism:6|201:Thermodynamics:5|202:Optics:5|301:Quantum Mechanics:8|310:Statistical Physics:8|"
                "401:General Relativity:8|450:Laboratory Course:4|495:Bachelor Thesis:12")),
    4: ("CH", ("101:General Chemistry:6|201:Organic Chemistry:6|202:Inorganic Chemistry:5|301:Physical Chemistry:6|310:Biochemistry:6|"
                "450:Laboratory Course:4|495:Bachelor Thesis:12")),
    5: ("BI", ("101:Cell Biology:6|102:Botany:4|201:Genetics:6|202:Ecology:5|210:Human Anatomy:6|301:Molecular Biology:6|"
                "310:Biochemistry:6|320:Evolution:5|450:Laboratory Course:4|495:Bachelor Thesis:12")),
    6: ("PS", ("101:Introduction to Psychology:5|201:Social Psychology:5|202:Statistics:5|210:Memory & Learning:5|"
                "301:Clinical Psychology:6|310:Research Methods:5|490:Research Seminar:3")),
    7: ("HI", ("101:Ancient History:5|102:Medieval Europe:5|201:Modern History:5|210:History of Science:4|301:The Cold War:5|"
                "310:Colonial Africa:5|320:Museum Studies:4|495:Bachelor Thesis:12")),
    8: ("PL", "101:Introduction to Philosophy:5|201:Ethics:5|210:Logic:5|301:Philosophy of Mind:5|310:Kant's Critiques:6"),
    9: ("LI", ("101:World Literature:5|102:Creative Writing:4|201:Shakespeare:5|210:The Modern Novel:5|220:Poetry:4|301:Literary Theory:6|"
                "320:Translation Workshop:4")),
    10: ("EC", ("101:Microeconomics:6|102:Macroeconomics:6|201:Statistics:5|210:Game Theory:5|220:Public Finance:5|301:Econometrics:6|"
                 "310:International Trade:5|320:Behavioral Economics:5|401:Financial Markets:6|490:Research Seminar:3")),
    11: ("LA", "101:Introduction to Law:6|201:Contract Law:6|202:Criminal Law:6|210:Ethics:5|301:International Law:6|310:Tax Law:5"),
    12: ("MU", "101:Music Theory:4|102:Choir:2|201:Composition:5|210:Jazz Ensemble:2|301:Conducting:5"),
    13: ("AS", "101:Introduction to Astronomy:5|201:Stellar Physics:6|301:Cosmology:6"),
    14: ("CL", "101:Latin I:5|102:Latin II:5"),
}
"""Department -> code letters, then number:title:credits. Some, the list below, are never offered."""

NEVER_OFFERED = ("CL101", "CL102", "PH401", "LI320", "HI320", "MU301")

PREREQUISITES = (
    "CS201:CS101 CS210:CS101 CS202:CS101 CS301:CS201 CS301:CS102 CS310:CS202 CS310:CS201 CS320:MA110 CS320:MA201 CS320:CS201 CS330:CS201 "
    "CS401:CS301 CS410:CS320 CS495:CS301 CS495:CS490 MA102:MA101 MA201:MA101 MA202:MA201 MA301:MA102 MA310:MA110 MA320:MA110 MA320:CS101 "
    "MA401:MA301 PH102:PH101 PH102:MA101 PH201:PH101 PH202:PH102 PH301:PH102 PH301:MA110 PH310:PH201 PH401:PH301 PH401:MA301 CH201:CH101 "
    "CH202:CH101 CH301:CH101 CH301:PH201 CH310:CH201 BI201:BI101 BI301:BI201 BI310:CH201 BI310:BI101 BI320:BI201 PS201:PS101 PS301:PS202 "
    "PS310:PS202 HI301:HI201 PL310:PL201 LI301:LI101 EC201:MA101 EC210:EC101 EC301:EC201 EC301:EC101 EC310:EC102 EC401:EC301 LA201:LA101 "
    "LA202:LA101 LA301:LA201 LA310:LA201 MU201:MU101 MU301:MU201 AS201:AS101 AS201:PH101 AS301:AS201 AS301:PH301 CL102:CL101"
)
"""Pairs course:required course."""

FIXED_PROFESSORS = (
    ("Wei Chen", "Professor", 1, 148000),
    ("Amélie Dubois", "Professor", 3, 131500),
    ("Wei Chen", "Associate Professor", 5, 97000),
    ("Siobhán O'Neill", "Professor", 7, 112000),
    ("Kwame Mensah", "Associate Professor", 10, 101000),
    ("Priya Sharma", "Professor", 1, 139000),
    ("Björn van der Berg", "Lecturer", 2, 58500),
    ("Maria Papadopoulos", "Professor", 6, 118000),
    ("Ahmet Yılmaz", "Assistant Professor", 4, 79500),
    ("Grace Okafor", "Professor", 11, 139000),
    ("David Levi", "Visiting Professor", None, None),
    ("Grace Okafor", "Lecturer", 9, 56000),
    ("Zofia Kowalski", "Professor", 12, 104000),
    ("James MacDonald", "Assistant Professor", 8, 76000),
    ("Ingrid Ødegård", "Associate Professor", 13, 94500),
)
FIXED_STUDENTS = (
    ("Siobhán", "O'Brien", "Ireland", 1), ("José", "García", "Spain", 10), ("José", "García", "Mexico", 9),
    ("Linh", "Nguyen", "Vietnam", 1),
    ("Siobhán", "O'Brien", "United States", None), ("Mary Ann", "Te Rangi", "New Zealand", 5), ("Jean-Luc", "Lefèvre", "France", 8),
    ("Fatima", "Khan", "Pakistan", 2), ("José", "García", "Spain", 11), ("Chidi", "Adeyemi", "Nigeria", 6),
)
TITLES: dict[str, float] = {"Professor": 26, "Associate Professor": 24, "Assistant Professor": 24, "Lecturer": 20, "Visiting Professor": 8}
PAY = {"Professor": 118, "Associate Professor": 95, "Assistant Professor": 76, "Lecturer": 56, "Visiting Professor": 68}
COUNTRIES: dict[str, float] = {
    "Germany": 34, "France": 9, "India": 9, "China": 8, "Turkey": 6, "Poland": 5, "Spain": 4, "Italy": 4, "Nigeria": 3, "Vietnam": 3,
    "Brazil": 3,
    "United States": 2.5, "Ireland": 1.5, "Mexico": 1.5, "Ukraine": 1.5, "Pakistan": 1.2, "Ghana": 1, "South Korea": 1, "Japan": 0.8,
    "South Africa": 0.6, "New Zealand": 0.3, "Iceland": 0.2,
}
SCHOLARSHIPS: dict[str, tuple[float, tuple[int, ...]]] = {
    "Merit Award": (32, (1000, 1000, 1500, 2000)), "Need Grant": (28, (800, 1200, 1200, 2400)), "Dean's Prize": (10, (500,)),
    "Ada Lovelace Scholarship": (7, (5000, 7500)), "International Student Grant": (13, (1500, 2500)),
    "Sports Scholarship": (6, (2000, 3000)),
    "Marie Curie Fellowship": (3, (12000,)), "Music & Arts Bursary": (3, (750, 1000)),
}
STARTS = {"Spring": (12, 10, 52), "Summer": (5, 20, 24), "Fall": (8, 15, 36)}
"""Term -> first sign-up month and day, length of the sign-up time in days; Spring's begins in the December before."""
OFFERED = {"Spring": 0.72, "Summer": 0.12, "Fall": 0.78}
ROOM_LETTERS = ("T", "T", "C", "C", "D", "D", "M", "M", "M", "K", "L", "B", "C", "M", "T")


def make_courses() -> list[Course]:
    """The catalogue."""
    found: list[Course] = []
    for dept, (letters, listing) in COURSES.items():
        for part in listing.split("|"):
            number, title, credits = part.split(":")
            found.append((len(found) + 1, letters + number, title, int(credits), dept))
    return found


def make_professors(rng: random.Random) -> list[Row]:
    """Fixed professors first, then drawn ones; salaries go in steps of 500 so that some are equal."""
    rows: list[Row] = []
    for number in range(1, PROFESSORS + 1):
        hired = day(rng, date(1989, 1, 1), date(2020, 12, 31))
        if number <= len(FIXED_PROFESSORS):
            name, title, dept, pay = FIXED_PROFESSORS[number - 1]
            rows.append((number, name, title, dept, hired, None if pay is None else Decimal(pay).quantize(Decimal("0.01"))))
            continue
        if rng.random() < 0.35:
            hired = day(rng, date(2021, 1, 1), date(2025, 9, 30))
        title = pick(rng, TITLES)
        visiting = title == "Visiting Professor"
        amount = Decimal(500 * round(2 * PAY[title] * rng.uniform(0.86, 1.2))).quantize(Decimal("0.01"))
        salary = maybe(rng, amount, 0.4 if visiting else 0.04)
        dept = maybe(rng, pick(rng, TEACHING), 0.5 if visiting else 0.02)
        rows.append((number, " ".join(person(rng)), title, dept, hired, salary))
    return rows


def by_department(professors: list[Row], year: int) -> dict[int, list[int]]:
    """Department -> its professors hired before a year; those without a department, and every ninth other, never teach or advise."""
    found: dict[int, list[int]] = defaultdict(list)
    for number, _, _, dept, hired, _ in professors:
        assert isinstance(number, int)
        assert isinstance(hired, date)
        if isinstance(dept, int) and hired.year < year and (number <= len(FIXED_PROFESSORS) or number % 9):
            found[dept].append(number)
    return found


def make_students(rng: random.Random, staff: dict[int, list[int]]) -> list[Row]:
    """Fixed students first; two in three undeclared ones lack an advisor."""
    rows: list[Row] = []
    for number in range(1, STUDENTS + 1):
        start = pick(rng, {2021: 17, 2022: 19, 2023: 20, 2024: 23, 2025: 21})
        born = day(rng, date(start - 23, 1, 1), date(start - 17, 6, 30))
        if rng.random() < 0.07:
            born = day(rng, date(1968, 1, 1), date(1997, 12, 31))
        major: int | None
        country: str | None
        if number <= len(FIXED_STUDENTS):
            first, last, country, major = FIXED_STUDENTS[number - 1]
            start = 2021 + number % 3
        else:
            first, last = person(rng)
            country = maybe(rng, pick(rng, COUNTRIES), 0.03)
            major = maybe(rng, pick(rng, MAJORS), 0.09)
        pool = staff.get(major or 0) or []
        if rng.random() < 0.08 or not pool:
            pool = staff[1 + skewed(rng, 10)]
        advisor = maybe(rng, pool[skewed(rng, len(pool), 1.6)], 0.16 if major else 0.66)
        status = "active" if number <= len(FIXED_STUDENTS) else make_status(rng, start)
        rows.append((number, first, last, country, maybe(rng, born, 0.04), major, advisor, start, status))
    return rows


def make_status(rng: random.Random, start: int) -> str:
    """Nobody graduates before the third year after admission."""
    graduated = {2021: 62, 2022: 45}.get(start, 0)
    return pick(rng, {"active": 84.0 - graduated, "graduated": float(graduated), "withdrawn": 11.0, "on leave": 5.0})


def make_sections(rng: random.Random, courses: list[Course], professors: list[Row]) -> list[Row]:
    """Offerings term by term; first-year courses often have two sections in a term."""
    rows: list[Row] = []
    for year in YEARS:
        staff = by_department(professors, year)
        for term, share in OFFERED.items():
            for course, code, _, _, dept in courses:
                if code in NEVER_OFFERED or rng.random() >= share:
                    continue
                for _ in range(2 if code[2] == "1" and term != "Summer" and rng.random() < 0.45 else 1):
                    pool = staff[dept]
                    teacher = maybe(rng, pool[skewed(rng, len(pool), 1.5)], 0.05)
                    number = f"{ROOM_LETTERS[dept - 1]}-{rng.randrange(1, 4)}{rng.randrange(1, 9):02d}"
                    room = maybe(rng, number, 0.3 if year == 2021 else 0.12)
                    seats = pick(rng, {25: 2, 40: 5, 60: 6, 80: 4, 120: 3})
                    rows.append((len(rows) + 1, course, teacher, term, year, room, seats))
    return rows


def signup(rng: random.Random, term: str, year: int) -> datetime:
    """When somebody signs up: mostly early in the term's window and in the evening."""
    month, first, length = STARTS[term]
    opening = datetime(year - (term == "Spring"), month, first)
    hour = pick(rng, {7: 1, 9: 6, 10: 8, 11: 6, 13: 5, 14: 5, 16: 6, 18: 9, 20: 12, 21: 10, 22: 6, 23: 3, 0: 1})
    return opening + timedelta(days=skewed(rng, length, 2.2), hours=hour, minutes=rng.randrange(60), seconds=rng.randrange(60))


def terms_of(rng: random.Random, start: int, status: str) -> list[tuple[int, str]]:
    """The terms in which a student takes sections."""
    first = (start, "Fall") if rng.random() < 0.85 else (start, "Spring")
    every = [(year, term) for year in YEARS for term in OFFERED]
    mine = every[every.index(first):]
    if status == "graduated":
        mine = mine[:rng.choice((9, 10, 10))]
    elif status == "withdrawn":
        mine = mine[:skewed(rng, 7)]
    elif status == "on leave":
        mine = mine[:-3]
    return mine


def make_enrollments(rng: random.Random, students: list[Row], sections: list[Row], dept_of: dict[int, int]) -> list[Row]:
    """Students choose mostly from their major; about 4 % of all sections in the list get nobody."""
    offered: dict[tuple[int, str], list[int]] = defaultdict(list)
    own: dict[tuple[int, str, int], list[int]] = defaultdict(list)
    home: dict[int, int] = {}
    course_of: dict[int, int] = {}
    for row in sections:
        number, course, _, term, year, _, _ = row
        assert isinstance(number, int)
        assert isinstance(course, int)
        assert isinstance(term, str)
        assert isinstance(year, int)
        home[number] = dept_of[course]
        course_of[number] = course
        if number % 25 == 7:
            continue
        offered[year, term].append(number)
        own[year, term, dept_of[course]].append(number)
    rows: list[Row] = []
    for student in students:
        number, _, _, _, _, major, _, start, status = student
        assert isinstance(number, int)
        assert isinstance(start, int)
        assert isinstance(status, str)
        if number > len(FIXED_STUDENTS) and number % 37 == 0:
            continue
        ability = rng.gauss(0, 9)
        taken: dict[int, bool] = {}
        for year, term in terms_of(rng, start, status):
            chosen: dict[int, bool] = {}
            wanted = pick(rng, {0: 8, 1: 2} if term == "Summer" else {0: 4, 1: 8, 2: 20, 3: 32, 4: 26, 5: 10})
            mine = own.get((year, term, major)) if isinstance(major, int) else None
            for _ in range(3 * wanted):
                pool = mine if mine and rng.random() < 0.6 else offered[year, term]
                section = pool[skewed(rng, len(pool), 1.3)]
                if len(chosen) < wanted and (course_of[section] not in taken or rng.random() < 0.07):
                    chosen[section] = taken[course_of[section]] = True
            for section in chosen:
                dropped = rng.random() < 0.06
                open_term = (year, term) == (2025, "Fall")
                score = None if dropped or open_term or rng.random() < 0.03 else make_score(rng, 70 + ability - home[section] % 4 * 3)
                rows.append((number, section, signup(rng, term, year), score, dropped))
    return rows


def make_score(rng: random.Random, mean: float) -> Decimal:
    """A score in steps of a half, from 0 to 100."""
    return (Decimal(min(200, max(0, round(2 * rng.gauss(mean, 13))))) / 2).quantize(Decimal("0.1"))


def make_scholarships(rng: random.Random, students: list[Row]) -> list[Row]:
    """About one student in five gets at least one; a tenth of the recent ones have no amount yet."""
    rows: dict[tuple[int, str, date], Row] = {}
    shares = {name: share for name, (share, _) in SCHOLARSHIPS.items()}
    for student in students:
        number, start = student[0], student[7]
        assert isinstance(number, int)
        assert isinstance(start, int)
        for _ in range(pick(rng, {0: 80, 1: 11, 2: 6, 3: 2, 4: 1})):
            name = pick(rng, shares)
            awarded = date(rng.randrange(start, 2026), *rng.choice(((3, 1), (6, 15), (10, 1), (10, 1), (12, 5))))
            amount = Decimal(rng.choice(SCHOLARSHIPS[name][1])).quantize(Decimal("0.01"))
            rows[number, name, awarded] = (number, name, awarded, maybe(rng, amount, 0.18 if awarded.year == 2025 else 0.01))
    return [rows[key] for key in sorted(rows)]


def generate(seed: int = 0) -> Data:
    """All tables of the university."""
    rng = random.Random(seed)
    courses = make_courses()
    ids = {code: number for number, code, _, _, _ in courses}
    pairs: list[Row] = [(ids[a], ids[b]) for a, b in (pair.split(":") for pair in PREREQUISITES.split())]
    departments: list[Row] = [
        (i, name, building, None if budget is None else Decimal(budget).quantize(Decimal("0.01")))
        for i, (name, building, budget) in enumerate(DEPARTMENTS, start=1)
    ]
    professors = make_professors(rng)
    students = make_students(rng, by_department(professors, 2026))
    sections = make_sections(rng, courses, professors)
    enrollments = make_enrollments(rng, students, sections, {number: dept for number, _, _, _, dept in courses})
    return {
        "departments": (("id", "name", "building", "budget"), departments),
        "professors": (("id", "name", "title", "dept_id", "hired", "salary"), professors),
        "students": (
            ("id", "first_name", "last_name", "country", "birth_date", "major_id", "advisor_id", "start_year", "status"), students,
        ),
        "courses": (("id", "code", "title", "credits", "dept_id"), [*courses]),
        "prerequisites": (("course_id", "required_id"), pairs),
        "sections": (("id", "course_id", "professor_id", "term", "year", "room", "capacity"), sections),
        "enrollments": (("student_id", "section_id", "enrolled_at", "score", "dropped"), enrollments),
        "scholarships": (("student_id", "name", "awarded", "amount"), make_scholarships(rng, students)),
    }


if __name__ == "__main__":
    main(generate, Path(__file__).parent)
