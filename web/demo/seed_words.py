"""The words of the demo: Alder & Finch Ltd, who lease and look after coffee machines, and whom they bill."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, NamedTuple

from billing.fee_rules import FLAT, Rule
from billing.seller import SellerDetails

if TYPE_CHECKING:
    from billing.users import Role

SELLER = SellerDetails(
    name="Alder & Finch",
    legal_name="Alder & Finch Ltd",
    address=("Unit 4, The Old Brewery", "Bristol BS1 6QF", "United Kingdom"),
    country="GB",
    tax_id="GB 318 4427 09",
    registration="Registered in England and Wales 09312345",
    email="billing@alderandfinch.example",
    phone="0117 496 0120",
    bank=(
        ("Bank", "Severn Commercial"),
        ("Sort code", "20-45-77"),
        ("Account", "6317 0942"),
        ("IBAN (EUR)", "IE29 AIBK 9311 5212 3456 78"),
    ),
    currency="GBP",
    time_zone="Europe/London",
    terms_text="Payment is due by the date above. Please quote the invoice number.",
)
SELLER_EMAIL = SELLER.email
STAFF_EMAIL = "sam@alderandfinch.example"
SECOND_EMAIL = "ada@alderandfinch.example"
STAFF: tuple[tuple[str, str, Role], ...] = (
    (STAFF_EMAIL, "Sam Reyes", "admin"),
    (SECOND_EMAIL, "Ada Osei", "approver"),
    ("vic@alderandfinch.example", "Vic Lund", "viewer"),
)
CUSTOMER_EMAIL = "ines@harbourroasters.example"
CUSTOMER_NAME = "Ines Duarte"


class Place(NamedTuple):
    """A town, and what an address there ends with."""

    town: str
    country: str
    country_name: str
    currency: str
    locale: str


class Offer(NamedTuple):
    """What the business sells. Prices are in pounds, or the same figure of euros; yen get their own."""

    description: str
    unit: str
    prices: tuple[str, ...]
    quantities: tuple[str, ...]
    zero_rated: bool = False


FIRST_CUSTOMER = "Harbour Roasters"
NAMES = (
    "Quayside Kitchen", "Little Orchard Nursery", "Northgate Books", "Clifton Yoga House", "Penny Lane Bakery",
    "Saltmarsh Hotel", "Meridian Architects", "Foundry Works", "Greenacre Farm Shop", "The Copper Kettle",
    "Bright & Sons", "Tidewater Surveyors", "Old Mill Café", "Hartwell Dental", "Kestrel Cycles", "Union Street Studio",
    "Thornbury Garden Centre", "Lantern Theatre", "Wren & Partners", "St Brannock's School", "Moor End Garage",
    "Cobalt Design", "Riverside Veterinary", "Ashdown Legal", "Pilgrim Coffee", "Fairweather Travel", "Beacon Climbing",
    "Halcyon Day Spa", "Marlow & Finch Opticians", "Stonebridge Brewery", "Larkspur Florists", "Temple Meads Coworking",
    "Juniper House Care",
)  # fmt: skip
ABROAD = (
    ("Kaffeehaus Lindner", Place("10115 Berlin", "DE", "Germany", "EUR", "en_IE")),
    ("Atelier Moreau", Place("69002 Lyon", "FR", "France", "EUR", "en_IE")),
    ("Dunmore Foods", Place("Dublin D08 X2Y3", "IE", "Ireland", "EUR", "en_IE")),
    ("Van Houten & Zoon", Place("3011 AA Rotterdam", "NL", "Netherlands", "EUR", "en_IE")),
    ("Casa Olmedo", Place("41001 Sevilla", "ES", "Spain", "EUR", "en_IE")),
    ("Kissa Aoyama", Place("Minato-ku, Tokyo 107-0062", "JP", "Japan", "JPY", "en_GB")),
)
TOWNS = (
    "Bristol BS1 4ST", "Bath BA1 1LZ", "Cardiff CF10 1EP", "Exeter EX1 1GE", "Gloucester GL1 2TH", "Taunton TA1 3PF",
    "Swindon SN1 1QL", "Cheltenham GL50 1PN", "Falmouth TR11 3XA", "Plymouth PL1 2AA", "Newport NP20 1UE",
    "Weston-super-Mare BS23 1AL",
)  # fmt: skip
STREETS = (
    "Harbour Street", "Mill Lane", "High Street", "Station Road", "Church Walk", "Park Row", "Queen Square",
    "Bridge Road", "Orchard Avenue", "Castle Green",
)  # fmt: skip
FIRST_NAMES = (
    "Alice", "Bilal", "Chloe", "Dev", "Elin", "Farah", "George", "Hana", "Ivan", "Jess", "Kofi", "Lena", "Maya", "Noah",
    "Olive", "Priya", "Rhys", "Sana", "Tom", "Uma", "Wes", "Yara", "Zoe",
)  # fmt: skip
LAST_NAMES = (
    "Poole", "Hale", "Marsh", "Ahmed", "Carver", "Dunn", "Ellis", "Fofanah", "Grant", "Hughes", "Iqbal", "Jensen",
    "Kaur", "Lowe", "Mensah", "Nowak", "Okoro", "Price", "Quinn", "Rossi", "Shah", "Turner", "Vance", "Webb",
)  # fmt: skip
OFFERS = (
    Offer("Espresso machine lease, two group", "month", ("285.00", "310.00", "345.00"), ("1", "1", "2", "3")),
    Offer("Filter brewer lease", "month", ("64.00", "72.50"), ("1", "2", "4")),
    Offer("Grinder lease", "month", ("38.00", "42.00"), ("1", "2", "3")),
    Offer("Preventive maintenance visit", "visit", ("95.00", "120.00"), ("1", "1", "2")),
    Offer("Engineer call-out", "hour", ("62.50",), ("1", "1.5", "2", "2.25", "3.75")),
    Offer("Water filter cartridge", "piece", ("34.80", "41.25"), ("1", "2", "6")),
    Offer("Group head gasket set", "set", ("18.4525", "22.00"), ("1", "2", "4")),
    Offer("Barista training, half day", "person", ("85.00",), ("1", "2", "4", "6")),
    Offer("House blend beans, 1 kg", "bag", ("17.90", "18.60"), ("6", "12", "18", "24"), zero_rated=True),
    Offer("Single origin beans, 1 kg", "bag", ("23.75", "26.40"), ("4", "6", "12"), zero_rated=True),
    Offer("Loose leaf tea, 500 g", "tin", ("11.20",), ("2", "4", "6"), zero_rated=True),
)
SUBJECTS = ("{month} services", "{month} lease and supplies", "Coffee supplies, {month}", "Maintenance in {month}")
CARDS = {"Visa ending 4242": "4242424242424242", "Mastercard ending 4444": "5555555555554444"}  # the sandbox's own
METHODS = tuple(CARDS)
LATE_FEE = Rule(shape=FLAT, minor=25_00, grace_days=14, cap_ppm=50_000)
GOODWILL = "The machine was out of order for two days."
RETURNED = "The delivery came back unopened."
GIVEN_UP = "The business closed; the administrator expects nothing for creditors."
WRONG_SITE = "Billed to the wrong site."
VOID_REASONS = (
    "Raised for the wrong site; a new invoice follows.",
    "Order was cancelled before delivery.",
    "Issued twice by mistake.",
)

PASSWORD_WORDS = (
    "amber", "basin", "birch", "cedar", "chalk", "clover", "coral", "cotton", "delta", "ember", "fern", "fjord",
    "flint", "garnet", "ginger", "harbor", "hazel", "heron", "indigo", "ivory", "jasmine", "juniper", "kelp", "lagoon",
    "lantern", "linden", "maple", "marble", "meadow", "mango", "nectar", "nutmeg", "ocean", "olive", "orchid", "pebble",
    "pepper", "pine", "plum", "quartz", "quill", "raven", "reef", "river", "saffron", "sage", "sierra", "slate",
    "sorrel", "spruce", "summit", "tansy", "thistle", "timber", "topaz", "tulip", "umber", "velvet", "violet", "walnut",
    "willow", "winter", "yarrow", "zephyr",
)  # fmt: skip


def password() -> str:
    """Four words and a number: easy to type from a terminal; some 30 bits, enough for a demo on loopback."""
    return "-".join([*(secrets.choice(PASSWORD_WORDS) for _ in range(4)), str(secrets.randbelow(90) + 10)])
