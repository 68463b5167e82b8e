"""Seeded generator of the sample database `shop`: an international online shop, 2021 to 2025.

Countries, cities, categories, product names, brands, coupons, carriers and some customers come from fixed pools, which occur
on every seed; who buys what, when and at what price is drawn. Not covered: loading the files, which the application does.
"""

import random
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from nl2sql_arena.sampledata import Cell, Data, day, main, maybe, money, person, pick

Row = tuple[Cell, ...]

FIRST_DAY = date(2021, 1, 1)
LAST_DAY = date(2025, 12, 31)
LATE = date(2025, 12, 8)
"""From this day on, orders are mostly still on their way."""

N_CUSTOMERS = 1500
N_ORDERS = 8600
N_REVIEWS = 3600

CITIES: dict[str, tuple[tuple[str, ...], float]] = {
    "Germany": (("Berlin", "Hamburg", "München", "Köln", "Frankfurt"), 17),
    "United States": (("New York", "San Jose", "Birmingham", "Paris", "Dublin", "Cambridge", "Portland"), 15),
    "United Kingdom": (("London", "Birmingham", "Cambridge", "Newcastle upon Tyne", "Leeds"), 13),
    "France": (("Paris", "Lyon", "Saint-Étienne", "L'Haÿ-les-Roses", "Marseille"), 10),
    "Spain": (("Madrid", "Córdoba", "Valencia", "Málaga"), 8),
    "Netherlands": (("Amsterdam", "'s-Hertogenbosch", "Utrecht"), 6),
    "Ireland": (("Dublin", "Cork", "Galway"), 5),
    "Japan": (("Tokyo", "Osaka", "Sapporo"), 5),
    "India": (("Hyderabad", "Mumbai", "Pune"), 4),
    "Canada": (("London", "Toronto", "Montréal"), 4),
    "Brazil": (("São Paulo", "Recife"), 3),
    "Argentina": (("Córdoba", "Buenos Aires"), 2.5),
    "Sweden": (("Malmö", "Göteborg"), 2),
    "South Africa": (("Cape Town", "Durban", "Newcastle"), 2),
    "Costa Rica": (("San José",), 1),
    "Côte d'Ivoire": (("Abidjan",), 0.8),
    "New Zealand": (("Auckland", "Cambridge"), 0.7),
}

FIXED_CUSTOMERS = (
    ("José", "García", "Madrid", "Spain"),
    ("José", "García", "San Jose", "United States"),
    ("José", "García", "Córdoba", "Argentina"),
    ("Siobhán", "O'Brien", "Cork", "Ireland"),
    ("Siobhán", "O'Brien", "Dublin", "Ireland"),
    ("Mary Ann", "Smith", "London", "United Kingdom"),
    ("Mary Ann", "Smith", "London", "Canada"),
    ("Amélie", "Dubois", "Paris", "France"),
    ("Emma", "Martin", "Paris", "France"),
    ("Emma", "Martin", "Paris", "United States"),
    ("Jean-Luc", "Lefèvre", "Abidjan", "Côte d'Ivoire"),
    ("Yuki", "Tanaka", "Tokyo", "Japan"),
    ("Łukasz", "Müller", "Berlin", "Germany"),
    ("Anna", "Müller", "München", "Germany"),
    ("Priya", "Patel", "Pune", "India"),
    ("Olivia", "van der Berg", "'s-Hertogenbosch", "Netherlands"),
)
"""Customers that occur on every seed, with at least three orders each."""

DEPARTMENTS: dict[str, tuple[str, ...]] = {
    "Electronics": ("Phones", "Laptops", "Headphones", "Cameras"),
    "Home & Kitchen": ("Cookware", "Coffee & Tea", "Furniture", "Bedding"),
    "Fashion": ("Women's Shoes", "Men's Shoes", "Jackets", "Jewellery"),
    "Books": ("Cookbooks", "Novels", "Children's Books"),
    "Sports & Outdoors": ("Cycling", "Camping", "Yoga"),
    "Toys & Games": ("Board Games", "Puzzles"),
    "Garden": ("Garden Tools",),
    "Gift Cards": (),
}
"""Department -> its categories; Garden, Garden Tools and Gift Cards have no products."""

STYLES = ("Classic", "Mini", "Pro", "Travel", "Eco")
GOODS: dict[str, dict[str, tuple[float, float, float]]] = {
    "Phones": {"Smartphone": (180, 950, 0.2), "Phone Case": (9, 40, 0.05), "Charger": (12, 60, 0.15)},
    "Laptops": {"Laptop": (450, 1900, 1.6), "Laptop Sleeve": (15, 60, 0.3), "Docking Station": (60, 280, 0.6)},
    "Headphones": {"Headphones": (35, 350, 0.3), "Earbuds": (15, 220, 0.05), "Headset": (25, 160, 0.35)},
    "Cameras": {"Camera": (250, 1600, 0.7), "Tripod": (25, 190, 1.5), "Lens": (120, 1300, 0.5)},
    "Cookware": {"Frying Pan": (18, 90, 1.4), "Saucepan": (20, 110, 1.5), "Wok": (25, 95, 1.8), "Chef's Knife": (22, 160, 0.3)},
    "Coffee & Tea": {
        "Espresso Maker": (25, 280, 1.9), "Teapot": (15, 70, 0.9), "Coffee Grinder": (30, 190, 1.1), "Café Crème Set": (12, 60, 1.2),
    },
    "Furniture": {"Bookshelf": (60, 420, 18.0), "Desk Lamp": (25, 130, 1.4), "Stool": (30, 160, 4.5)},
    "Bedding": {"Pillow": (15, 80, 0.8), "Duvet": (40, 190, 2.0), "Blanket": (20, 110, 1.3)},
    "Women's Shoes": {"Ankle Boots": (60, 180, 1.1), "Sandals": (30, 110, 0.5), "Running Shoes": (60, 170, 0.6)},
    "Men's Shoes": {"Loafers": (55, 190, 1.0), "Trainers": (45, 150, 0.8), "Running Shoes": (60, 180, 0.7)},
    "Jackets": {"Rain Jacket": (45, 190, 0.6), "Parka": (110, 320, 1.6), "Denim Jacket": (50, 140, 1.0)},
    "Jewellery": {"Silver Ring": (25, 190, 0.02), "Necklace": (30, 600, 0.04), "Bracelet": (20, 280, 0.03)},
    "Cycling": {"Bike Light": (12, 60, 0.15), "Helmet": (35, 170, 0.35), "Pannier": (30, 140, 1.0)},
    "Camping": {"Tent": (80, 480, 3.5), "Sleeping Bag": (35, 240, 1.6), "Camp Stove": (22, 120, 0.7)},
    "Yoga": {"Yoga Mat": (15, 90, 1.2), "Yoga Block": (8, 25, 0.3)},
    "Puzzles": {"Wooden Puzzle": (10, 60, 0.8), "3D Puzzle": (12, 55, 0.6), "Jigsaw": (8, 35, 0.6)},
}
"""Category -> what it sells, each with its lowest and highest price and typical weight."""

TITLES: dict[str, tuple[str, ...]] = {
    "Cookbooks": ("Bread at Home", "The Tagine Book", "100 Soups", "Pho & Friends", "Grandma's Pierogi", "Sweet São Paulo"),
    "Novels": ("The Lighthouse", "Winter in Malmö", "A Map of Salt", "The Cartographer's Son", "Ninety Days", "Quiet Rivers"),
    "Children's Books": ("Where's the Fox?", "Moon Soup", "Ten Tiny Trains", "The Lighthouse", "Otto Can't Sleep"),
    "Board Games": ("Harbour Masters", "Castle Run", "Word Storm", "Guess Who's Cooking", "Tea & Treason", "Zug um Zug"),
    "Electronics": ("USB-C Cable", "Universal Adapter", "AA Batteries (8 pack)"),
    "Home & Kitchen": ("Scented Candle", "Kitchen Timer"),
}
"""Category or department -> names used without a style."""

BRANDS = {
    "Nordlys": 18.0, "Atlas": 15.0, "Casa Fuego": 11.0, "Lumière": 10.0, "O'Malley & Sons": 8.0, "Kōyō": 8.0, "Pico": 7.0,
    "Zwölf": 6.0, "Brøndby Works": 5.0, "Green Fern": 4.0,
}
TWICE_NAMED = ("Classic Espresso Maker", "Pro Headphones", "Eco Yoga Mat", "Classic Camera", "Mini Bike Light", "Harbour Masters")
"""Product names that two different brands use."""

SETTLED = {"delivered": 80.0, "cancelled": 10.0, "returned": 7.0, "shipped": 2.0, "pending": 1.0}
RECENT = {"shipped": 40.0, "paid": 27.0, "pending": 18.0, "cancelled": 9.0, "delivered": 6.0}
PAYMENTS = {"card": 52.0, "paypal": 31.0, "bank transfer": 12.0, "gift card": 5.0}
COUPONS = {"WELCOME10": 45.0, "SUMMER": 22.0, "FREESHIP": 15.0, "BLACKFRIDAY": 12.0, "VIP20": 6.0}
CARRIERS = {"DHL": 38.0, "UPS": 21.0, "DPD": 14.0, "FedEx": 11.0, "Royal Mail": 8.0, "La Poste": 5.0, "Japan Post": 3.0}
STARS = {5: 42.0, 4: 27.0, 3: 13.0, 2: 7.0, 1: 11.0}
MONTHS = (7, 6, 7, 7, 7, 8, 7, 6, 8, 9, 14, 16)
"""How busy each month is."""

GOOD = ("Love it!", "love it", "Great value for money.", "Exactly as described", "My daughter can't stop using it.", "Très bien, merci !",
        "Perfect gift", "Works great so far", "Sehr gute Qualität", "Five stars, would buy again")
FAIR = ("It's okay.", "Good, but smaller than expected", "Arrived late, but works", "Nice colour, poor packaging", "Nothing special")
BAD = ("Broke after two weeks", "Broken on arrival", "Don't buy this", "Waste of money", "Never arrived", "Smells awful, sent it back",
       "Not as described")


def joined_days(rng: random.Random) -> list[date]:
    """Account opening days in ascending order; the first ones are in January 2021."""
    first = [day(rng, FIRST_DAY, date(2021, 1, 31)) for _ in range(40)]
    days = (LAST_DAY - FIRST_DAY).days + 1
    return sorted(first + [FIRST_DAY + timedelta(days=int(days * rng.random() ** 1.7)) for _ in range(N_CUSTOMERS - 40)])


def home(rng: random.Random) -> tuple[str, str]:
    """A city and its country."""
    country = pick(rng, {name: weight for name, (_, weight) in CITIES.items()})
    cities = CITIES[country][0]
    return rng.choices(cities, weights=[len(cities) - i for i in range(len(cities))])[0], country


def customers(rng: random.Random, fixed: list[int]) -> list[Row]:
    """All customers; `fixed` are the positions of those from the fixed pool."""
    at = dict(zip(fixed, FIXED_CUSTOMERS, strict=True))
    every_city = [(city, country) for country, (cities, _) in CITIES.items() for city in cities]
    rows: list[Row] = []
    for i, joined in enumerate(joined_days(rng)):
        first, last = person(rng)
        place = every_city[i - 100] if 0 <= i - 100 < len(every_city) else home(rng)
        city = place[0] if 0 <= i - 100 < len(every_city) else maybe(rng, place[0], 0.05)
        country = place[1]
        if i in at:
            first, last, city, country = at[i]
        referrer = int((i - 1) * rng.random() ** 2) + 1 if i > 20 and rng.random() < 0.3 else None
        rows.append((i + 1, first, last, city, country, joined, rng.random() < 0.41, referrer))
    return rows


def categories() -> list[Row]:
    """Departments first, then their categories."""
    rows: list[Row] = [(i + 1, name, None) for i, name in enumerate(DEPARTMENTS)]
    for parent, names in enumerate(DEPARTMENTS.values()):
        rows += [(len(rows) + 1 + i, name, parent + 1) for i, name in enumerate(names)]
    return rows


def tag(rng: random.Random, low: float, high: float) -> Decimal:
    """A shop price: whole euros less a cent, half or whole euros, so that equal prices are common."""
    whole = money(rng, low, high).quantize(Decimal(1))
    return whole - pick(rng, {Decimal("0.01"): 6.0, Decimal("0.50"): 2.0, Decimal("0.00"): 2.0})


def names_of(rng: random.Random) -> list[tuple[str, str, float, float, float]]:
    """Name, category, price range and weight of each product, in a mixed order."""
    found = []
    for category, nouns in GOODS.items():
        found += [(f"{style} {noun}", category, low, high, weight) for noun, (low, high, weight) in nouns.items() for style in STYLES]
    for category, titles in TITLES.items():
        found += [(title, category, 6.0, 45.0, 0.5) for title in titles]
    found += [one for one in found if one[0] in TWICE_NAMED]
    rng.shuffle(found)
    return found


def products(rng: random.Random, category_ids: dict[str, int]) -> list[Row]:
    """All products; the second one of a name gets another brand than the first."""
    rows: list[Row] = []
    brand_of: dict[str, str | None] = {}
    for i, (name, category, low, high, weight) in enumerate(names_of(rng)):
        brand = maybe(rng, pick(rng, BRANDS), 0.17)
        if i < len(BRANDS):
            brand = list(BRANDS)[i]
        while name in TWICE_NAMED and (brand is None or brand == brand_of.get(name)):
            brand = pick(rng, BRANDS)
        brand_of[name] = brand
        stock = pick(rng, {0: 12.0, 1: 5.0, rng.randrange(2, 40): 60.0, rng.randrange(40, 600): 23.0})
        kilos = maybe(rng, round(weight * rng.uniform(0.4, 1.9), 2), 0.14)
        rows.append((i + 1, name, category_ids[category], brand, tag(rng, low, high), stock, kilos))
    return rows


def order_day(rng: random.Random, joined: date) -> date:
    """A day from the account's opening on; busy months are more frequent."""
    found = day(rng, joined, LAST_DAY)
    while rng.random() * max(MONTHS) > MONTHS[found.month - 1]:
        found = day(rng, joined, LAST_DAY)
    return found


def moment(rng: random.Random, on: date) -> datetime:
    """A time of that day, more often in the evening."""
    hour = min(23, int(rng.triangular(0, 24, 19)))
    return datetime.combine(on, time(hour, rng.randrange(60), rng.randrange(60)))


def orders(rng: random.Random, people: list[Row], fixed: list[int]) -> list[Row]:
    """All orders by time; about one customer in three has none, a few have very many."""
    weights = [0.0 if rng.random() < 0.14 else rng.random() ** 6 + 0.02 for _ in people]
    buyers = [i for i in fixed for _ in range(3)] + rng.choices(range(len(people)), weights=weights, k=N_ORDERS - 3 * len(fixed))
    placed = []
    for buyer in buyers:
        joined = people[buyer][5]
        assert isinstance(joined, date)
        placed.append((moment(rng, order_day(rng, joined)), buyer + 1))
    rows: list[Row] = []
    for i, (at, buyer) in enumerate(sorted(placed)):
        status = pick(rng, SETTLED if at.date() < LATE else RECENT)
        unpaid = {"pending": 1.0, "cancelled": 0.6}.get(status, 0.0)
        rows.append((i + 1, buyer, at, status, maybe(rng, pick(rng, PAYMENTS), unpaid), maybe(rng, pick(rng, COUPONS), 0.81)))
    return rows


def charged(rng: random.Random, price: Decimal, year: int) -> Decimal:
    """What one piece cost in a year: lower in the past, sometimes reduced, rarely a free gift."""
    if rng.random() < 0.012:
        return Decimal("0.00")
    factor = (1 - 0.03 * (2025 - year)) * pick(rng, {1.0: 75.0, 0.9: 15.0, 0.75: 10.0})
    return (price * Decimal(str(round(factor, 4)))).quantize(Decimal("0.01"))


def order_items(rng: random.Random, bought: list[Row], goods: list[Row]) -> list[Row]:
    """The lines of all orders; a few products never sell, some cancelled and pending orders have no line."""
    ids = range(len(goods))
    weights = [0.0 if rng.random() < 0.08 else rng.random() ** 5 + 0.03 for _ in goods]
    rows: list[Row] = []
    for order_id, _, at, status, _, _ in bought:
        assert isinstance(at, datetime)
        if status in ("cancelled", "pending") and rng.random() < 0.15:
            continue
        lines = pick(rng, {1: 38.0, 2: 27.0, 3: 18.0, 4: 10.0, 5: 5.0, 8: 2.0})
        for i in sorted(dict.fromkeys(rng.choices(ids, weights=weights, k=lines))):
            price = goods[i][4]
            assert isinstance(price, Decimal)
            quantity = pick(rng, {1: 74.0, 2: 15.0, 3: 6.0, 4: 3.0, 10: 1.5, 25: 0.5})
            rows.append((order_id, i + 1, quantity, charged(rng, price, at.year)))
    return rows


def reviews(rng: random.Random, people: list[Row], goods: list[Row], bought: list[Row], items: list[Row]) -> list[Row]:
    """At most one review for a customer and a product; one in eight reviewers did not buy the product."""
    order_of = {row[0]: row for row in bought}
    rows: dict[tuple[Cell, Cell], Row] = {}
    while len(rows) < N_REVIEWS:
        if rng.random() < 0.125:
            someone = rng.choice(people)
            product = rng.choice(goods)[0] if rng.random() < 0.25 else rng.choice(items)[1]
            buyer, since = someone[0], someone[5]
        else:
            item = rng.choice(items)
            _, buyer, at, _, _, _ = order_of[item[0]]
            assert isinstance(at, datetime)
            product, since = item[1], at.date()
        assert isinstance(since, date)
        posted = min(LAST_DAY, since + timedelta(days=int(rng.expovariate(1 / 25)) + 1))
        stars = pick(rng, STARS)
        body = rng.choice(GOOD if stars > 3 else FAIR if stars == 3 else BAD)
        rows.setdefault((buyer, product), (buyer, product, stars, maybe(rng, body, 0.44), posted))
    return sorted(rows.values(), key=lambda row: (str(row[4]), row[0], row[1]))


def shipments(rng: random.Random, bought: list[Row]) -> list[Row]:
    """The parcels: one to three for each order sent; a few delivered orders were collected and have none."""
    rows: list[Row] = []
    for order_id, _, at, status, _, _ in bought:
        assert isinstance(at, datetime)
        if status not in ("shipped", "delivered", "returned") or (status == "delivered" and rng.random() < 0.03):
            continue
        for parcel in range(pick(rng, {1: 85.0, 2: 12.0, 3: 3.0})):
            sent = min(LAST_DAY, at.date() + timedelta(days=rng.randrange(4)))
            arrived = min(LAST_DAY, sent + timedelta(days=1 + min(27, int(rng.expovariate(1 / 4)))))
            missing = status == "shipped" and (parcel == 0 or rng.random() < 0.5)
            rows.append((len(rows) + 1, order_id, maybe(rng, pick(rng, CARRIERS), 0.03), sent, None if missing else arrived))
    return rows


def generate(seed: int = 0) -> Data:
    """All tables, the same for the same seed."""
    rng = random.Random(seed)
    fixed = sorted(rng.sample(range(200, 900), len(FIXED_CUSTOMERS)))
    people = customers(rng, fixed)
    groups = categories()
    goods = products(rng, {str(row[1]): int(str(row[0])) for row in groups})
    bought = orders(rng, people, fixed)
    items = order_items(rng, bought, goods)
    return {
        "customers": (("id", "first_name", "last_name", "city", "country", "joined_on", "newsletter", "referrer_id"), people),
        "categories": (("id", "name", "parent_id"), groups),
        "products": (("id", "name", "category_id", "brand", "price", "stock", "weight_kg"), goods),
        "orders": (("id", "customer_id", "ordered_at", "status", "payment", "coupon"), bought),
        "order_items": (("order_id", "product_id", "quantity", "unit_price"), items),
        "reviews": (("customer_id", "product_id", "stars", "body", "posted_on"), reviews(rng, people, goods, bought, items)),
        "shipments": (("id", "order_id", "carrier", "shipped_on", "delivered_on"), shipments(rng, bought)),
    }


if __name__ == "__main__":
    main(generate, Path(__file__).parent)
