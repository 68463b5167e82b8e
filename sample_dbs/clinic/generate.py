"""Writes the data of the `clinic` sample database: a group of outpatient clinics, 2021 to 2025.

Everything is invented. Clinics, drugs, illnesses, insurers, cities, specialties and the named people come from fixed lists, so
that questions can mention them on every seed. Not covered: the schema, which is in `schema.sql`.
"""

import random
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from nl2sql_arena.sampledata import Cell, Data, day, main, maybe, person, pick, skewed

Row = tuple[Cell, ...]
APPOINTMENTS = 14_000
PATIENTS = 2_600
LAST_DAY = date(2025, 12, 31)
FIRST_SCHEDULED = date(2025, 12, 15)

CLINICS: tuple[tuple[str, str, date | None], ...] = (
    ("Riverside Clinic", "Bristol", date(2003, 5, 12)),
    ("Riverside Clinic", "Leeds", date(2011, 9, 1)),
    ("Minster Health Centre", "York", date(2008, 2, 4)),
    ("St Mary's Surgery", "Cardiff", None),
    ("Castle Street Practice", "Newcastle upon Tyne", date(2015, 6, 15)),
    ("Bath Spa Clinic", "Bath", date(2011, 9, 1)),
    ("King's Lynn Surgery", "King's Lynn", date(2019, 3, 18)),
    ("Harbour View", "Bristol", date(2020, 10, 5)),
    ("The Shambles Clinic", "York", date(2023, 4, 3)),
    ("Potteries Health Hub", "Stoke-on-Trent", date(2025, 10, 1)),
)
CLINIC_SHARE: dict[int, float] = {1: 9, 2: 8, 3: 6, 4: 6, 5: 5, 6: 3, 7: 2, 8: 4, 9: 2}
CITIES: dict[str, float] = {
    "Bristol": 24, "Leeds": 17, "York": 14, "Cardiff": 12, "Newcastle upon Tyne": 9, "Bath": 6, "King's Lynn": 4, "Wakefield": 4,
    "Swansea": 3, "Gateshead": 3, "Newport": 2, "Derby": 1,
}
INSURERS: dict[str | None, float] = {
    "Northcare": 30, "MediSure": 21, "Blue Oak": 14, "Crown Mutual": 9, "HealthFirst": 6, "St John's Benefit": 2, None: 18,
}
NAMED_DOCTORS: tuple[tuple[str, str, str | None, int, date], ...] = (
    ("Ingrid", "Ødegård", "General practice", 1, date(2006, 3, 1)),
    ("Seán", "O'Neill", "General practice", 2, date(2012, 1, 9)),
    ("Anna", "Müller", "Cardiology", 2, date(2014, 4, 1)),
    ("Anna", "Müller", "Dermatology", 6, date(2018, 8, 20)),
    ("Kwame", "Mensah", "Orthopaedics", 1, date(2010, 11, 2)),
    ("Priya", "Patel", "Paediatrics", 3, date(2013, 7, 15)),
    ("Jean-Luc", "Lefèvre", "Neurology", 4, date(2016, 2, 8)),
    ("Zoë", "de Vries", "ENT", 5, date(2017, 5, 2)),
    ("Omar", "Haddad", "Psychiatry", 1, date(2015, 9, 14)),
    ("Elif", "Öztürk", "Gastroenterology", 8, date(2020, 10, 5)),
    ("Mei", "Chen", "Ophthalmology", 3, date(2019, 1, 21)),
    ("Maria", "da Silva", "General practice", 4, date(2009, 6, 3)),
    ("Grace", "Okafor", "General practice", 7, date(2019, 3, 18)),
    ("Siobhán", "MacDonald", "General practice", 9, date(2023, 4, 3)),
    ("Dmitri", "Shevchenko", "Rheumatology", 5, date(2025, 12, 1)),
    ("Thabo", "Nkosi", None, 1, date(2025, 11, 17)),
    ("Emma", "Taylor", "General practice", 5, date(2025, 11, 17)),
    ("Rahul", "Sharma", None, 2, date(2024, 9, 2)),
    ("Aino", "Virtanen", None, 3, date(2023, 9, 4)),
)
NEWEST = date(2025, 11, 1)
DOCTORS = 52
SPECIALTIES: dict[str | None, float] = {
    "General practice": 12, "Cardiology": 4, "Dermatology": 3, "Paediatrics": 4, "Orthopaedics": 3, "Neurology": 2, "ENT": 2,
    "Psychiatry": 2, "Gastroenterology": 2, "Ophthalmology": 2, None: 1,
}
NAMED_PATIENTS: tuple[tuple[str, str, str | None, date | None, str | None, str | None], ...] = (
    ("Siobhán", "O'Brien", "F", date(1958, 3, 14), "Bristol", "Northcare"),
    ("Siobhán", "O'Brien", "F", date(1991, 12, 2), "Cardiff", None),
    ("José", "Fernández", "M", date(1947, 7, 30), "Leeds", "MediSure"),
    ("Ngozi", "Adeyemi", "F", date(1983, 1, 9), "York", "Blue Oak"),
    ("Wei", "Zhang", "M", date(1975, 10, 21), "Newcastle upon Tyne", "Crown Mutual"),
    ("Wei", "Zhang", None, None, "Leeds", "Northcare"),
    ("D'Andre", "Williams", "M", date(2014, 5, 5), "Bristol", "HealthFirst"),
    ("Mary Ann", "van der Berg", "F", date(1966, 2, 28), "Bath", "St John's Benefit"),
    ("Łukasz", "Kowalski", "M", date(1988, 9, 17), "King's Lynn", None),
    ("Anna", "Müller", "F", date(1972, 6, 11), "Leeds", "Northcare"),
    ("Priya", "Patel", "F", date(1980, 4, 4), "York", "MediSure"),
)
ILLNESSES: dict[str, tuple[str, ...]] = {
    "General practice": (
        "Hypertension", "Common cold", "Type 2 diabetes", "Influenza", "Back pain", "Asthma", "Urinary infection", "Anaemia", "Migraine",
    ),
    "Cardiology": ("Hypertension", "Atrial fibrillation", "Angina", "Heart failure"),
    "Dermatology": ("Eczema", "Acne", "Psoriasis", "Hives"),
    "Paediatrics": ("Common cold", "Ear infection", "Asthma", "Eczema", "Influenza"),
    "Orthopaedics": ("Back pain", "Arthritis", "Sprained ankle", "Tennis elbow"),
    "Neurology": ("Migraine", "Epilepsy", "Parkinson's disease"),
    "ENT": ("Ear infection", "Sinusitis", "Ménière's disease"),
    "Psychiatry": ("Depression", "Anxiety", "Insomnia"),
    "Gastroenterology": ("Acid reflux", "Irritable bowel", "Crohn's disease"),
    "Ophthalmology": ("Dry eye", "Glaucoma", "Conjunctivitis"),
}
DRUGS: tuple[tuple[str, str, str | None, bool, tuple[str, ...]], ...] = (
    ("Paracetamol", "tablet", "0.20", False, ("Common cold", "Influenza", "Back pain", "Migraine", "Sprained ankle")),
    ("Paracetamol", "syrup", "0.45", False, ("Ear infection", "Common cold")),
    ("Ibuprofen", "tablet", "0.30", False, ("Back pain", "Arthritis", "Migraine", "Tennis elbow")),
    ("Ibuprofen", "gel", "0.85", False, ("Sprained ankle", "Tennis elbow", "Back pain")),
    ("Amoxicillin", "capsule", "0.60", False, ("Ear infection", "Sinusitis", "Urinary infection")),
    ("Amoxicillin", "syrup", "0.95", False, ("Ear infection",)),
    ("Salbutamol", "inhaler", "1.10", False, ("Asthma",)),
    ("Budesonide", "inhaler", "1.75", False, ("Asthma",)),
    ("Budesonide", "capsule", "3.40", False, ("Crohn's disease",)),
    ("Metformin", "tablet", "0.30", False, ("Type 2 diabetes",)),
    ("Insulin glargine", "injection", "2.90", False, ("Type 2 diabetes",)),
    ("Amlodipine", "tablet", "0.25", False, ("Hypertension", "Angina")),
    ("Ramipril", "capsule", "0.30", False, ("Hypertension", "Heart failure")),
    ("Bisoprolol", "tablet", "0.25", False, ("Atrial fibrillation", "Heart failure", "Angina")),
    ("Apixaban", "tablet", "1.90", False, ("Atrial fibrillation",)),
    ("Codeine", "tablet", "0.70", True, ("Back pain", "Migraine")),
    ("Morphine", "injection", "4.80", True, ("Back pain",)),
    ("Diazepam", "tablet", "0.40", True, ("Anxiety", "Epilepsy", "Back pain")),
    ("Zopiclone", "tablet", "0.55", True, ("Insomnia",)),
    ("Sertraline", "tablet", "0.35", False, ("Depression", "Anxiety")),
    ("Hydrocortisone", "gel", "0.65", False, ("Eczema", "Psoriasis", "Hives")),
    ("Hydrocortisone", "drops", None, False, ("Conjunctivitis",)),
    ("Cetirizine", "tablet", "0.20", False, ("Hives", "Eczema")),
    ("Doxycycline", "capsule", "0.60", False, ("Acne", "Sinusitis")),
    ("Omeprazole", "capsule", "0.30", False, ("Acid reflux",)),
    ("Mebeverine", "tablet", "0.50", False, ("Irritable bowel",)),
    ("Levetiracetam", "tablet", "1.20", False, ("Epilepsy",)),
    ("Co-careldopa", "tablet", "1.60", False, ("Parkinson's disease",)),
    ("Betahistine", "tablet", None, False, ("Ménière's disease",)),
    ("Latanoprost", "drops", "1.10", False, ("Glaucoma",)),
    ("Hypromellose", "drops", "0.45", False, ("Dry eye",)),
    ("Ferrous sulfate", "tablet", "0.20", False, ("Anaemia",)),
    ("Vitamin B12", "injection", "1.90", False, ("Anaemia",)),
    ("Methadone", "syrup", "2.20", True, ()),
    ("Fentanyl", "injection", None, True, ()),
    ("Adrenaline", "injection", "9.50", False, ()),
)
FEES: dict[str | None, str] = {
    "General practice": "45.00", "Paediatrics": "45.00", "Cardiology": "95.00", "Neurology": "95.00", "Dermatology": "70.00",
    "Orthopaedics": "80.00", "ENT": "70.00", "Psychiatry": "110.00", "Gastroenterology": "80.00", "Ophthalmology": "60.00", None: "30.00",
}
SEVERITIES: dict[str | None, float] = {"mild": 48, "moderate": 27, "severe": 9, None: 16}
LENGTHS: dict[int, float] = {10: 16, 15: 30, 20: 22, 25: 8, 30: 13, 40: 5, 45: 4, 60: 2}
DAYS: dict[int | None, float] = {5: 10, 7: 24, 10: 10, 14: 20, 28: 22, 56: 5, 84: 3, None: 8}
YEARS: dict[int, float] = {2021: 13, 2022: 17, 2023: 20, 2024: 24, 2025: 26}
WINTER = ("Influenza", "Common cold")
EXTRAS: tuple[tuple[str, float, tuple[str, ...]], ...] = (
    ("lab", 0.24, ("18.50", "25.00", "42.00", "63.75")),
    ("imaging", 0.10, ("90.00", "140.00", "260.00", "395.50")),
    ("procedure", 0.05, ("120.00", "210.00", "480.00")),
)


def clinic_rows() -> list[Row]:
    """The clinics; the last one has no doctors yet."""
    return [(i, *clinic) for i, clinic in enumerate(CLINICS, 1)]


def doctor_rows(rng: random.Random) -> list[Row]:
    """The named doctors, then random ones; mentors are earlier rows of the same clinic."""
    people = list(NAMED_DOCTORS)
    while len(people) < DOCTORS:
        first, last = person(rng)
        clinic = pick(rng, CLINIC_SHARE)
        opened = CLINICS[clinic - 1][2] or date(2005, 1, 1)
        people.append((first, last, pick(rng, SPECIALTIES), clinic, day(rng, max(opened, date(2005, 1, 1)), date(2024, 6, 30))))
    rows: list[Row] = []
    for i, (first, last, specialty, clinic, hired) in enumerate(people, 1):
        seniors = [j for j, other in enumerate(people[: i - 1], 1) if other[3] == clinic and other[4] < hired and other[2] is not None]
        mentor = rng.choice(seniors) if seniors and (specialty is None or rng.random() < 0.55) else None
        rows.append((i, first, last, specialty, clinic, hired, mentor))
    return rows


def birthday(rng: random.Random) -> date:
    """A day of birth: many older people, some children."""
    if rng.random() < 0.2:
        return day(rng, date(2008, 1, 1), date(2020, 12, 31))
    return date(2007, 12, 31) - timedelta(days=int(27_000 * rng.random() ** 0.8))


def patient_rows(rng: random.Random) -> list[Row]:
    """The named patients, then random ones."""
    rows: list[Row] = [(i, *someone) for i, someone in enumerate(NAMED_PATIENTS, 1)]
    for i in range(len(rows) + 1, PATIENTS + 1):
        first, last = person(rng)
        sex = maybe(rng, rng.choice("FFFMM"), 0.04)
        rows.append((i, first, last, sex, maybe(rng, birthday(rng), 0.02), maybe(rng, pick(rng, CITIES), 0.02), pick(rng, INSURERS)))
    return rows


def working_day(rng: random.Random) -> date:
    """A day of 2021 to 2025: later years busier, Saturdays rare, never Sundays, August and late December quiet."""
    while True:
        year = pick(rng, YEARS)
        when = day(rng, date(year, 1, 1), date(year, 12, 31))
        rate = (1.0, 1.0, 0.85, 0.9, 0.75, 0.12, 0.0)[when.weekday()]
        if (when.month == 8 or (when.month == 12 and when.day > 22)) and rng.random() < 0.4:
            continue
        if rng.random() < rate:
            return when


def suits(doctor: Row, when: date, born: Cell) -> bool:
    """Whether a doctor is there on that day and sees people of that age."""
    hired, specialty = doctor[5], doctor[3]
    child = isinstance(born, date) and (when - born).days < 16 * 365
    if not isinstance(hired, date) or hired > when or hired > NEWEST:
        return False
    return specialty in ("General practice", "Paediatrics", "ENT", "Dermatology", None) if child else specialty != "Paediatrics"


def choose_doctor(rng: random.Random, doctors: list[Row], patient: Row, when: date) -> Row:
    """A doctor for a patient: mostly one in the same city, the early rows more often, the first row if none suits."""
    local = [d for d in doctors if CLINICS[int(str(d[4])) - 1][1] == patient[5]]
    for _ in range(20):
        pool = local if local and rng.random() < 0.8 else doctors
        doctor = pool[skewed(rng, len(pool), 1.5)]
        if suits(doctor, when, patient[4]):
            return doctor
    return doctors[0]


def outcome(rng: random.Random, patient: Row, when: date) -> str:
    """The status: the uninsured and the young stay away more often."""
    if when >= FIRST_SCHEDULED:
        return "scheduled" if rng.random() < 0.9 else "cancelled"
    away = 7 + (6 if patient[6] is None else 0) + (4 if isinstance(patient[4], date) and 1992 < patient[4].year < 2008 else 0)
    return pick(rng, {"completed": 80, "no-show": away, "cancelled": 9})


def appointment_rows(rng: random.Random, patients: list[Row], doctors: list[Row]) -> list[Row]:
    """The appointments by booking day; few patients have many, about one in eight has none."""
    others = patients[len(NAMED_PATIENTS):]
    rng.shuffle(others)
    active = (patients[: len(NAMED_PATIENTS)] + others)[: int(PATIENTS * 0.88)]
    drafts: list[tuple[date, datetime, Row, Row, str, int | None]] = []
    while len(drafts) < APPOINTMENTS:
        patient = active[skewed(rng, len(active), 1.55)]
        when = working_day(rng)
        if isinstance(patient[4], date) and patient[4] > when:
            continue
        doctor = choose_doctor(rng, doctors, patient, when)
        status = outcome(rng, patient, when)
        starts = datetime.combine(when, time(8 + skewed(rng, 10, 1.2), rng.choice((0, 0, 15, 30, 30, 45))))
        booked = when - timedelta(days=skewed(rng, 60, 2.2))
        minutes = maybe(rng, pick(rng, LENGTHS), 0.06) if status == "completed" else None
        drafts.append((booked, starts, patient, doctor, status, minutes))
    drafts.sort(key=lambda draft: draft[:2])
    return [(i, p[0], d[0], booked, starts, status, minutes) for i, (booked, starts, p, d, status, minutes) in enumerate(drafts, 1)]


def diagnose(rng: random.Random, specialty: Cell, month: int) -> list[str]:
    """The illnesses found at a completed appointment: often one, sometimes none or several."""
    pool = ILLNESSES.get(str(specialty), ILLNESSES["General practice"])
    found: list[str] = []
    for _ in range(pick(rng, {0: 32, 1: 48, 2: 16, 3: 4})):
        illness = pool[skewed(rng, len(pool), 1.6)]
        if illness in WINTER and month in (5, 6, 7, 8) and rng.random() < 0.7:
            continue
        if illness not in found:
            found.append(illness)
    return found


def prescribe(rng: random.Random, illnesses: list[str]) -> list[int]:
    """Drug numbers for the illnesses; now and then a repeat prescription without a diagnosis."""
    chosen: list[int] = []
    for illness in illnesses or (["Hypertension"] if rng.random() < 0.12 else []):
        options = [i for i, drug in enumerate(DRUGS, 1) if illness in drug[4]]
        for _ in range(pick(rng, {0: 25, 1: 55, 2: 20})):
            drug_id = options[skewed(rng, len(options), 1.4)]
            if drug_id not in chosen:
                chosen.append(drug_id)
    return chosen


def charges(rng: random.Random, specialty: Cell, status: str) -> list[tuple[str, Decimal]]:
    """What an appointment is billed for."""
    if status == "no-show":
        return [("no-show fee", Decimal("25.00"))] if rng.random() < 0.4 else []
    if status != "completed" or rng.random() < 0.05:
        return []
    fee = Decimal("0.00") if rng.random() < 0.02 else Decimal(FEES[None if specialty is None else str(specialty)])
    extras = [(item, Decimal(rng.choice(prices))) for item, rate, prices in EXTRAS if rng.random() < rate]
    return [("consultation", fee), *extras]


def payment(rng: random.Random, issued: date, insured: bool) -> date | None:
    """The day a bill is paid, if it is before the end of the data."""
    if rng.random() < (0.06 if insured else 0.22):
        return None
    paid = issued + timedelta(days=skewed(rng, 45 if insured else 120, 1.7))
    return paid if paid <= LAST_DAY else None


def details(rng: random.Random, patients: list[Row], doctors: list[Row], appointments: list[Row]) -> tuple[list[Row], list[Row], list[Row]]:
    """Diagnoses, prescriptions and bills of the appointments."""
    diagnoses: list[Row] = []
    prescriptions: list[Row] = []
    bills: list[Row] = []
    for number, patient_id, doctor_id, _, starts, status, _ in appointments:
        patient, doctor = patients[int(str(patient_id)) - 1], doctors[int(str(doctor_id)) - 1]
        assert isinstance(starts, datetime)
        if status == "completed":
            found = diagnose(rng, doctor[3], starts.month)
            diagnoses += [(number, illness, pick(rng, SEVERITIES)) for illness in found]
            prescriptions += [(number, drug_id, pick(rng, DAYS)) for drug_id in prescribe(rng, found)]
        for item, amount in charges(rng, doctor[3], str(status)):
            issued = min(LAST_DAY, starts.date() + timedelta(days=skewed(rng, 12, 2.0)))
            paid = issued if amount == 0 else payment(rng, issued, patient[6] is not None)
            bills.append((len(bills) + 1, number, item, amount, issued, paid))
    return diagnoses, prescriptions, bills


def generate(seed: int = 0) -> Data:
    """All tables for a seed."""
    rng = random.Random(seed)
    doctors = doctor_rows(rng)
    patients = patient_rows(rng)
    appointments = appointment_rows(rng, patients, doctors)
    diagnoses, prescriptions, bills = details(rng, patients, doctors, appointments)
    drugs: list[Row] = [
        (i, name, form, None if price is None else Decimal(price), controlled)
        for i, (name, form, price, controlled, _) in enumerate(DRUGS, 1)
    ]
    return {
        "clinic": (("id", "name", "city", "opened"), clinic_rows()),
        "doctor": (("id", "first_name", "last_name", "specialty", "clinic_id", "hired", "mentor_id"), doctors),
        "patient": (("id", "first_name", "last_name", "sex", "born", "city", "insurer"), patients),
        "appointment": (("id", "patient_id", "doctor_id", "booked", "starts", "status", "minutes"), appointments),
        "diagnosis": (("appointment_id", "illness", "severity"), diagnoses),
        "drug": (("id", "name", "form", "price", "controlled"), drugs),
        "prescription": (("appointment_id", "drug_id", "days"), prescriptions),
        "bill": (("id", "appointment_id", "item", "amount", "issued", "paid"), bills),
    }


if __name__ == "__main__":
    main(generate, Path(__file__).parent)
