"""Seeded generator of the `bank` sample database: branches, customers, accounts, transactions and loans of a retail bank."""

import random
import unicodedata
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from nl2sql_arena.sampledata import Cell, Data, day, main, maybe, money, person, pick, skewed

Row = tuple[Cell, ...]

FIRST_DAY, LAST_DAY = date(2021, 1, 1), date(2025, 12, 31)
CUSTOMERS, ACCOUNTS, TRANSACTIONS, LOANS = 900, 1200, 30_000, 420

BRANCHES = (
    ("Grafton Street", "Dublin", "Ireland"), ("Covent Garden", "London", "United Kingdom"), ("Opéra", "Paris", "France"),
    ("Gran Vía", "Madrid", "Spain"), ("Canary Wharf", "London", "United Kingdom"), ("Alexanderplatz", "Berlin", "Germany"),
    ("Docklands", "Dublin", "Ireland"), ("Old Town", "Córdoba", "Spain"), ("Baixa", "Lisbon", "Portugal"),
    ("New Street", "Birmingham", "United Kingdom"), ("Old Town", "Frankfurt", "Germany"), ("Vieux-Port", "Marseille", "France"),
    ("Main Street", "Dublin", "United States"), ("Downtown", "Birmingham", "United States"), ("Shop Street", "Galway", "Ireland"),
    ("Dom", "Köln", "Germany"), ("Ribeira", "Porto", "Portugal"), ("St Patrick's Street", "Cork", "Ireland"),
    ("Place d'Armes", "Paris", "United States"), ("Part-Dieu", "Lyon", "France"), ("Central Station", "Málaga", "Spain"),
    ("Central Station", "Berlin", "Germany"), ("Airport", "Lyon", "France"), ("King's Cross", "London", "United Kingdom"),
)
EMPTY_BRANCHES = 2  # the last ones keep no account yet

CITIES = {
    "Dublin": 14.0, "London": 13.0, "Paris": 10.0, "Madrid": 8.0, "Berlin": 7.0, "Birmingham": 5.0, "Córdoba": 4.0, "Lisbon": 4.0,
    "Frankfurt": 4.0, "Marseille": 3.0, "Galway": 3.0, "Köln": 3.0, "Porto": 3.0, "Cork": 3.0, "Lyon": 3.0, "Málaga": 2.0,
    "Seville": 2.0, "Bordeaux": 2.0, "Saint-Étienne": 1.0, "Newcastle upon Tyne": 1.0, "Vila Nova de Gaia": 1.0, "L'Hospitalet": 1.0,
    "Düsseldorf": 2.0, "São João da Madeira": 0.5,
}
MAILS = {"mail.example": 6.0, "post.example": 3.0, "inbox.example": 2.0, "uni.example": 1.0}

NAMED_PEOPLE = (
    ("Maria", "García"), ("Maria", "García"), ("Maria", "García"), ("Seán", "O'Brien"), ("Seán", "O'Brien"), ("Wei", "Chen"),
    ("Wei", "Chen"), ("Ngozi", "Okafor"), ("Łukasz", "Kowalski"), ("Amélie", "Dubois"), ("Jean-Luc", "Lefèvre"), ("Elif", "Yılmaz"),
    ("Siobhán", "O'Neill"), ("Zoë", "van der Berg"), ("Thabo", "Nkosi"), ("Olena", "Shevchenko"),
)
NAMED_KEYS = [7 + 41 * i for i in range(len(NAMED_PEOPLE))]

MERCHANTS: tuple[tuple[str, str | None], ...] = (
    ("Corner Market", "groceries"), ("GreenGrocer", "groceries"), ("Café Central", "restaurants"), ("StreamBox", "entertainment"),
    ("City Metro", "transport"), ("Super Sol", "groceries"), ("PetroPlus", "fuel"), ("Luna", "restaurants"), ("TuneWave", "entertainment"),
    ("Luna", "fashion"), ("Parcel & Co", None), ("NordLicht Energie", "utilities"), ("Joe's Diner", "restaurants"),
    ("AquaNet", "utilities"), ("Pharmacie du Marché", "health"), ("Blue Airlines", "travel"), ("L'Épicerie", "groceries"),
    ("Zapatos Ruiz", "fashion"), ("TechHaus", "electronics"), ("Bayside Books", "books"), ("Hotel Miramar", "travel"),
    ("Fit4Life Gym", "health"), ("Fuel Stop 24", "fuel"), ("Odeon Kino", "entertainment"), ("Sushi Yama", "restaurants"),
    ("RailEurope", "travel"), ("Pixel Store", "electronics"), ("O'Malley's Pub", "restaurants"), ("Mode Marie", "fashion"),
    ("Dr. Weiß Dental", "health"), ("Quick Kiosk", None), ("Casa Verde Garden", "home"), ("Möbel Kraft", "home"),
    ("Livraria Lello", "books"), ("Café Central", "groceries"), ("TeleFonica Uno", "utilities"), ("Night Cabs", "transport"),
    ("Toy Planet", "toys"), ("Bike Point", "transport"), ("Velvet Spa", "health"), ("Island Ferries", "travel"), ("Old Mint Coins", None),
    ("Grand Casino", "entertainment"), ("Watch Atelier", "fashion"), ("Piano Palace", "music"), ("Yacht Charter Blu", "travel"),
)
UNUSED_MERCHANTS = 3  # the last ones never get a transaction
FIXED_PRICES = {"StreamBox": Decimal("12.99"), "TuneWave": Decimal("9.99"), "Fit4Life Gym": Decimal("29.00")}
PRICE_RANGES: dict[str | None, tuple[float, float]] = {
    "travel": (40, 1800), "electronics": (15, 1500), "home": (10, 900), "fuel": (20, 120), "utilities": (25, 280), "fashion": (12, 600),
}

ACCOUNT_KINDS = {"checking": 5.5, "savings": 2.6, "business": 1.0, "term deposit": 0.7}
CURRENCIES = {"EUR": 72.0, "GBP": 16.0, "USD": 9.0, "CHF": 3.0}
BALANCES = {"checking": (20.0, 9000.0), "savings": (200.0, 60_000.0), "business": (500.0, 250_000.0)}
TERM_SUMS = {"5000": 4.0, "10000": 5.0, "20000": 2.0, "25000": 1.5, "50000": 1.0}
TXN_KINDS = {
    "checking": {
        "purchase": 62.0, "refund": 3.0, "withdrawal": 9.0, "salary": 7.0, "transfer out": 8.0, "transfer in": 5.0, "fee": 3.0,
        "deposit": 3.0,
    },
    "savings": {"deposit": 35.0, "transfer in": 20.0, "transfer out": 20.0, "interest": 25.0},
    "business": {"transfer in": 38.0, "transfer out": 30.0, "purchase": 20.0, "fee": 8.0, "deposit": 4.0},
    "term deposit": {"interest": 70.0, "deposit": 30.0},
}
AMOUNTS = {
    "refund": (5.0, 300.0), "transfer out": (20.0, 4000.0), "transfer in": (20.0, 5000.0), "deposit": (50.0, 6000.0),
    "interest": (0.5, 250.0),
}

LOAN_KINDS = {"personal": 4.0, "car": 3.0, "mortgage": 2.0, "student": 1.5}
PRINCIPALS = {
    "personal": (1500, 2000, 3000, 5000, 5000, 7500, 10000, 15000), "car": (8000, 10000, 12000, 15000, 18500, 25000, 32000),
    "mortgage": (95000, 120000, 150000, 180000, 220000, 275000, 340000), "student": (5000, 8000, 10000, 12000, 20000),
}
TERMS = {"personal": (12, 24, 36), "car": (24, 36, 60), "mortgage": (180, 240, 300), "student": (36, 60)}
RATES = {"personal": (6.0, 24), "car": (3.5, 16), "mortgage": (1.5, 12), "student": (0.0, 8)}  # lowest rate, number of quarter steps


class Account(NamedTuple):
    """One account, as the transactions need it."""

    key: int
    branch: int | None
    kind: str
    currency: str
    balance: Decimal
    opened: date
    closed: date | None


class Loan(NamedTuple):
    """One loan, as the payments need it; `term` in months is not written."""

    key: int
    customer: int
    kind: str
    principal: int
    rate: float | None
    status: str
    granted: date | None
    term: int


def plain(name: str) -> str:
    """A name as part of an e-mail address: ASCII letters only."""
    spelled = name.lower().replace("ø", "o").replace("ł", "l").replace("ß", "ss").replace("ı", "i")
    return "".join(c for c in unicodedata.normalize("NFKD", spelled) if "a" <= c <= "z")


def make_customers(rng: random.Random) -> list[Row]:
    """All customers; the named people come at fixed places."""
    rows: list[Row] = []
    named = dict(zip(NAMED_KEYS, NAMED_PEOPLE, strict=True))
    for key in range(1, CUSTOMERS + 1):
        first, last = named.get(key) or person(rng)
        email = f"{plain(first)}.{plain(last)}{key}@{pick(rng, MAILS)}"
        birth = maybe(rng, day(rng, date(1938, 1, 1), date(2006, 12, 31)), 0.07)
        joined = date(2018, 1, 1) + timedelta(days=skewed(rng, 2800, 1.5))
        rows.append((key, first, last, maybe(rng, email, 0.14), maybe(rng, pick(rng, CITIES), 0.05), birth, joined))
    return rows


def account_balance(rng: random.Random, kind: str) -> Decimal:
    """A balance typical of the kind of account: equal round sums for term deposits, now and then an overdraft."""
    if kind == "term deposit":
        return Decimal(pick(rng, TERM_SUMS)).quantize(Decimal("0.01"))
    if kind != "savings" and rng.random() < 0.08:
        return -money(rng, 5, 1500)
    return money(rng, *BALANCES[kind])


def make_account(rng: random.Random, key: int, joined: date) -> Account:
    """One account opened by a customer who joined on that day."""
    kind = pick(rng, ACCOUNT_KINDS)
    currency = pick(rng, CURRENCIES) if kind != "term deposit" else "EUR"
    opened = joined if rng.random() < 0.45 else day(rng, joined, date(2025, 11, 30))
    may_close = opened < date(2025, 8, 1) and rng.random() < 0.13
    closed = day(rng, max(opened + timedelta(days=60), FIRST_DAY), LAST_DAY) if may_close else None
    branch = maybe(rng, 1 + skewed(rng, len(BRANCHES) - EMPTY_BRANCHES, 1.7), 0.11)
    balance = Decimal("0.00") if closed else account_balance(rng, kind)
    return Account(key, branch, kind, currency, balance, opened, closed)


def holders(rng: random.Random) -> list[int]:
    """The main owner of each account: most customers once, a few of them many times, some never."""
    order = list(range(1, CUSTOMERS + 1))
    rng.shuffle(order)
    order = NAMED_KEYS + [key for key in order if key not in NAMED_KEYS]
    once = order[: int(CUSTOMERS * 0.85)]
    return once + [once[skewed(rng, len(once), 2)] for _ in range(ACCOUNTS - len(once))]


def make_accounts(rng: random.Random, customers: list[Row]) -> tuple[list[Account], list[Row]]:
    """All accounts and who owns them."""
    joined = {row[0]: row[6] for row in customers}
    accounts: list[Account] = []
    owners: list[Row] = []
    mains = holders(rng)
    rng.shuffle(mains)
    for key, main_owner in enumerate(mains, start=1):
        since = joined[main_owner]
        assert isinstance(since, date), "joined_on is a date"
        account = make_account(rng, key, since)
        accounts.append(account)
        owners.append((key, main_owner, "main"))
        joint = pick(rng, {0: 72.0, 1: 25.0, 2: 3.0}) if account.kind != "term deposit" else 0
        others = [other for other in rng.sample(range(1, CUSTOMERS + 1), joint + 1) if other != main_owner][:joint]
        owners.extend((key, other, "joint") for other in others)
    return accounts, owners


def txn_amount(rng: random.Random, kind: str, merchant: int | None) -> Decimal:
    """An amount typical of the kind of transaction and, for purchases, of the merchant."""
    if kind == "purchase" and merchant is not None:
        name, category = MERCHANTS[merchant - 1]
        return FIXED_PRICES.get(name) or money(rng, *PRICE_RANGES.get(category, (2, 160)))
    if kind == "withdrawal":
        return Decimal(rng.choice((20, 20, 50, 50, 50, 100, 100, 200, 400))).quantize(Decimal("0.01"))
    if kind == "salary":
        return money(rng, 1100, 6500)
    if kind == "fee":
        return Decimal(rng.choice(("1.50", "4.90", "4.90", "9.90", "35.00"))).quantize(Decimal("0.01"))
    return money(rng, *AMOUNTS[kind])


def active_span(account: Account) -> tuple[date, date]:
    """First and last day on which the account can have transactions."""
    return max(account.opened, FIRST_DAY), account.closed or LAST_DAY


def make_transactions(rng: random.Random, accounts: list[Account]) -> list[Row]:
    """All transactions in order of time; a few accounts have very many, the dormant ones (every 23rd) none."""
    used = [account for account in accounts if account.key % 23]
    rng.shuffle(used)
    draft: list[tuple[datetime, int, int | None, str, Decimal]] = []
    for i in range(TRANSACTIONS):
        account = used[i] if i < len(used) else used[skewed(rng, len(used), 1.8)]
        booked = datetime.combine(day(rng, *active_span(account)), time(rng.randint(6, 22), rng.randrange(60)))
        kind = pick(rng, TXN_KINDS[account.kind])
        merchant = 1 + skewed(rng, len(MERCHANTS) - UNUSED_MERCHANTS, 2.2) if kind in ("purchase", "refund") else None
        draft.append((booked, account.key, merchant, kind, txn_amount(rng, kind, merchant)))
    draft.sort(key=lambda row: row[0])
    return [(key, row[1], row[2], row[0], row[3], row[4]) for key, row in enumerate(draft, start=1)]


def month_later(start: date, months: int) -> date:
    """The same day (at most the 28th) some months later."""
    index = start.year * 12 + start.month - 1 + months
    return date(index // 12, index % 12 + 1, min(start.day, 28))


def make_loan(rng: random.Random, key: int, customer: int) -> Loan:
    """One loan, granted or not."""
    kind = pick(rng, LOAN_KINDS)
    principal, term = rng.choice(PRINCIPALS[kind]), rng.choice(TERMS[kind])
    granted = day(rng, FIRST_DAY, date(2025, 10, 31))
    ended = month_later(granted, term) <= LAST_DAY
    status = pick(rng, {"granted": 82.0, "defaulted": 7.0, "pending": 4.0, "rejected": 9.0})
    if status in ("pending", "rejected"):
        return Loan(key, customer, kind, principal, None, status, None, term)
    low, steps = RATES[kind]
    rate = low + 0.25 * rng.randint(0, steps)
    return Loan(key, customer, kind, principal, rate, ("paid off" if ended else "active") if status == "granted" else status, granted, term)


def make_loans(rng: random.Random) -> list[Loan]:
    """All loans: a few customers have several, most none; each named person but the last has one."""
    order = NAMED_KEYS[:-1]
    others = list(range(1, CUSTOMERS + 1))
    rng.shuffle(others)
    pool = [key for key in others if key != NAMED_KEYS[-1]][: LOANS * 5 // 4]
    order += [pool[skewed(rng, len(pool), 1.6)] for _ in range(LOANS - len(order))]
    rng.shuffle(order)
    return [make_loan(rng, key, customer) for key, customer in enumerate(order, start=1)]


def paid_day(rng: random.Random, due: date) -> date | None:
    """When an instalment was paid: mostly on the day, sometimes late or never."""
    delay = pick(rng, {"on time": 62.0, "early": 12.0, "late": 23.0, "never": 1.0})
    if delay == "never":
        return None
    paid = due + timedelta(days={"on time": 0, "early": -rng.randint(1, 6), "late": 1 + skewed(rng, 60, 2.5)}[delay])
    return paid if paid <= LAST_DAY else None


def make_payments(rng: random.Random, loans: list[Loan]) -> list[Row]:
    """The instalments of every granted loan that are due by the last day."""
    rows: list[Row] = []
    for loan in loans:
        if loan.granted is None or loan.rate is None:
            continue
        amount = Decimal(str(round(loan.principal * (1 + loan.rate / 200 * loan.term / 12) / loan.term, 2))).quantize(Decimal("0.01"))
        stop = rng.randint(2, 14) if loan.status == "defaulted" else loan.term
        dues = [due for n in range(1, min(loan.term, stop + 4) + 1) if (due := month_later(loan.granted, n)) <= LAST_DAY]
        last_paid = min(stop, len(dues) - 1) if loan.status == "defaulted" else stop
        for n, due in enumerate(dues):
            paid = paid_day(rng, due) if n < last_paid else None
            if loan.status == "paid off" and paid is None:
                paid = due
            rows.append((loan.key, due, paid, amount))
    return rows


def generate(seed: int = 0) -> Data:
    """All tables of the database for a seed."""
    rng = random.Random(seed)
    customers = make_customers(rng)
    accounts, owners = make_accounts(rng, customers)
    transactions = make_transactions(rng, accounts)
    loans = make_loans(rng)
    payments = make_payments(rng, loans)
    return {
        "branches": (("branch_id", "name", "city", "country"), [(key, *row) for key, row in enumerate(BRANCHES, start=1)]),
        "customers": (("customer_id", "first_name", "last_name", "email", "city", "birth_date", "joined_on"), customers),
        "accounts": (
            ("account_id", "branch_id", "kind", "currency", "balance", "opened_on", "closed_on"),
            [(a.key, a.branch, a.kind, a.currency, a.balance, a.opened, a.closed) for a in accounts],
        ),
        "owners": (("account_id", "customer_id", "role"), owners),
        "merchants": (("merchant_id", "name", "category"), [(key, *row) for key, row in enumerate(MERCHANTS, start=1)]),
        "transactions": (("txn_id", "account_id", "merchant_id", "booked_at", "kind", "amount"), transactions),
        "loans": (
            ("loan_id", "customer_id", "kind", "principal", "rate", "status", "granted_on"),
            [(n.key, n.customer, n.kind, Decimal(n.principal).quantize(Decimal("0.01")), n.rate, n.status, n.granted) for n in loans],
        ),
        "payments": (("loan_id", "due_on", "paid_on", "amount"), payments),
    }


if __name__ == "__main__":
    main(generate, Path(__file__).parent)
