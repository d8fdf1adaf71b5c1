"""Believable books of any size, the same for the same seed: rows to be inserted raw, in an order that adds up.

Five lines an invoice, one invoice in twenty to customer 1, three in ten still open, due days over two years.
What was paid was paid by card, half of it in two steps where the invoice is still open.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from billing import audit

if TYPE_CHECKING:
    from collections.abc import Iterator

Rows = dict[str, list[tuple[Any, ...]]]

SEED = 20_261_122
BIG = 1  # the customer who has one invoice in twenty
BIG_SHARE, OPEN_SHARE, PARTLY_SHARE, UNSEEN_SHARE = 0.05, 0.30, 0.20, 0.30
LINES = 5
BASKETS = 997  # different sets of five lines
DAYS = 730
TERMS_DAYS = 30
POSITIONS_PER_YEAR = 1_000_000_000
KEPT_EVENTS = 500  # payments whose event of Stripe is kept with them; the rest would only be bytes
BATCH = 1_000
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip

NAMES = ("Harbour", "Calder", "Whitfield", "Orchard", "Ridgeway", "Kestrel", "Lowland", "Tamar", "Ashdown", "Mill")
TRADES = ("Coffee", "Joinery", "Studios", "Foods", "Print", "Cycles", "Bakery", "Textiles", "Books", "Gardens")
ITEMS = (
    "Espresso machine lease",
    "Filter papers",
    "Service visit",
    "House blend, 1 kg",
    "Descaler",
    "Cups",
    "Training",
)
SELLER: dict[str, Any] = {
    "name": "Alder & Finch",
    "legal_name": "Alder & Finch Ltd",
    "address": ["Unit 4, The Old Brewery", "Bristol BS1 6QF", "United Kingdom"],
    "tax_id": "GB 318 4427 09",
    "registration": "Registered in England 09312345",
    "email": "billing@alderfinch.example",
    "phone": "0117 496 0120",
    "bank": [["Sort code", "20-45-77"], ["Account", "6317 0942"]],
}
TERMS = "Payment is due within 30 days."


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is."""

    name: str
    customers: int
    invoices: int


SMALL = Size("S", 1_000, 10_000)
MEDIUM = Size("M", 10_000, 100_000)
LARGE = Size("L", 10_000, 1_000_000)
TINY = Size("T", 100, 4_000)
SIZES = {size.name: size for size in (TINY, SMALL, MEDIUM, LARGE)}

STAFF = "user:1 Sam Reyes"


@dataclass
class Books:
    """The rows of a business of this size whose last invoice is of `today`.

    Rows continue the audit chain from `sequence` and `previous_hash`, and the user ids from 1 (staff).
    """

    size: Size
    today: date
    sequence: int
    previous_hash: str
    seed: int = SEED
    _series: dict[str, int] = field(default_factory=dict)
    _last_on: dict[str, str] = field(default_factory=dict)
    _owed: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    _payments: int = 0
    _postings: int = 0

    def batches(self) -> Iterator[Rows]:
        """Every row, parents before children, BATCH invoices at a time."""
        self._random = random.Random(self.seed)
        self._baskets = [_basket(self._random) for _ in range(BASKETS)]
        yield self._parties()
        for first in range(1, self.size.invoices + 1, BATCH):
            rows: Rows = defaultdict(list)
            for id_ in range(first, min(first + BATCH, self.size.invoices + 1)):
                self._invoice(rows, id_)
            yield rows
        yield {
            "counter": [(key, value, self._last_on[key]) for key, value in self._series.items()],
            "customer_balance": [(customer, "GBP", owed, 0) for customer, owed in sorted(self._owed.items())],
            "audit_head": [(1, self.sequence, self.previous_hash)],
        }

    def _parties(self) -> Rows:
        at = instant(self.today - timedelta(days=DAYS + 40))
        rows: Rows = defaultdict(list)
        rows["users"].append((1, "sam@alderfinch.example", "Sam Reyes", "admin", at))
        for id_ in range(1, self.size.customers + 1):
            name = name_of(id_)
            address = json.dumps(address_of(id_))
            rows["customer"].append(
                (id_, name, f"{name} Ltd", name.casefold(), address, "GB", "", "GBP", "en_GB", TERMS_DAYS, 1, at)
            )
            rows["contact"].append((id_, id_, "Alice Poole", email_of(id_), True))
            rows["users"].append((id_ + 1, email_of(id_), "Alice Poole", None, at))
            rows["membership"].append((id_, id_ + 1, id_))
        return rows

    def _invoice(self, rows: Rows, id_: int) -> None:
        dice = self._random
        customer = BIG if dice.random() < BIG_SHARE else dice.randint(2, self.size.customers)
        basket = dice.choice(self._baskets)
        net, total = basket.net_minor, basket.total_minor
        on = self.today - timedelta(days=DAYS - DAYS * id_ // self.size.invoices)
        day, due_day, at = on.isoformat(), (on + timedelta(days=TERMS_DAYS)).isoformat(), instant(on)
        series = f"INV-{on.year}"
        value = self._series[series] = self._series.get(series, 0) + 1
        self._last_on[series] = day
        number, subject, po = f"{series}-{value:04d}", f"{MONTHS[on.month - 1]} deliveries", f"PO {id_ % 9973}"
        frozen = _frozen(number, day, due_day, customer, subject, po, basket)
        digest = _sha(frozen)
        is_open = dice.random() < OPEN_SHARE
        paid_on = min(on + timedelta(days=dice.randint(3, 50)), self.today)
        applied = (total // 2 if dice.random() < PARTLY_SHARE else 0) if is_open else total
        paid_at = None if is_open else instant(paid_on)
        viewed_at = None if dice.random() < UNSEEN_SHARE else at
        rows["invoice"].append(
            (
                *(id_, customer, "issued", number, series, value, on.year * POSITIONS_PER_YEAR + value, "GBP"),
                *(day, due_day, TERMS_DAYS, po, subject, "", "", 0, "per_tax_group", net, 0, net, total - net, total),
                *(total - applied, f"{number} {subject} {po}".casefold(), frozen, digest, 2, at, 1, at, at, paid_at),
                *("", viewed_at, due_day),
            )
        )
        rows["invoice_line"] += [(id_, *line) for line in basket.lines]
        rows["invoice_tax"] += [(id_, *tax) for tax in basket.taxes]
        self._issued(rows, id_, customer, number, basket, digest, on)
        if viewed_at:
            rows["activity"].append((id_, 2, "viewed", None, None, "{}", False, "Alice Poole", at))
        if applied:
            self._paid(rows, id_, customer, applied, total - applied, paid_on, sequence=3 if viewed_at else 2)
        self._owed[customer] += total - applied

    def _issued(self, rows: Rows, id_: int, customer: int, number: str, basket: Basket, digest: str, on: date) -> None:
        """What the issue of an invoice writes besides the invoice."""
        at, email, link_id = instant(on), email_of(customer), f"{id_:024x}"
        net, tax = basket.net_minor, basket.total_minor - basket.net_minor
        legs = [
            ("receivable", "revenue", net, customer, id_, None),
            ("receivable", "tax_payable", tax, customer, id_, None),
        ]
        self._post(rows, f"invoice:{id_}:issue", "invoice_issued", on, legs if tax else legs[:1])
        facts = f'{{"recipients": ["{email}"]}}'
        rows["activity"].append((id_, 1, "issued", "draft", "issued", facts, True, "Sam Reyes", at))
        expires = instant(on + timedelta(days=400))
        rows["link"].append((link_id, id_, customer, email, _sha(link_id), at, expires))
        context = f'{{"invoice_id": {id_}, "link_id": "{link_id}"}}'
        key = f"invoice_issued:{id_}:{customer}"
        rows["mail"].append(_mail("invoice_issued", key, email, context, customer, id_, at))
        facts = f'{{"currency":"GBP","frozen_sha256":"{digest}","number":"{number}","total_minor":{net + tax}}}'
        self._audit(rows, "invoice.issued", f"invoice:{id_}", STAFF, facts, on)

    def _paid(self, rows: Rows, id_: int, customer: int, minor: int, balance: int, on: date, *, sequence: int) -> None:
        """What a card payment of an invoice writes."""
        self._payments += 1
        payment, at, email = self._payments, instant(on), email_of(customer)
        reference, intent = f"PAY-{payment:014d}", f"pi_{payment:024d}"
        payer = f"user:{customer + 1}"
        rows["attempt"].append(
            (
                *(reference, customer, payer, "Alice Poole", "GBP", minor, "succeeded", _sha(reference)[:24]),
                *(f"cs_{payment:024d}", f"https://checkout.stripe.com/c/pay/cs_{payment:024d}", intent, "", at, at),
            )
        )
        rows["planned_allocation"].append((reference, id_, minor))
        fee = minor * 15 // 1000 + 20
        rows["payment"].append(
            (
                payment,
                reference,
                intent,
                f"ch_{payment:024d}",
                reference,
                customer,
                "GBP",
                minor,
                fee,
                "Visa ending 4242",
                at,
            )
        )
        ref = f"payment:{payment}:invoice:{id_}"
        rows["allocation"].append((payment, id_, minor, "payment", ref, at))
        legs = (
            (
                f"payment:{payment}",
                "payment_received",
                ("card_clearing", "customer_credit", minor, customer, None, payment),
            ),
            (f"allocation:{ref}", "payment_applied", ("customer_credit", "receivable", minor, customer, id_, payment)),
            (f"payment:{payment}:fee", "card_fee", ("card_fees", "card_clearing", fee, None, None, payment)),
        )
        for name, kind, leg in legs:
            self._post(rows, name, kind, on, [leg])
        facts = (
            f'{{"payment": "{reference}", "minor": {minor}, "currency": "GBP", "method": "Visa ending 4242",'
            f' "balance_minor": {balance}}}'
        )
        rows["activity"].append((id_, sequence, "paid", None, None, facts, True, "Alice Poole", at))
        context = f'{{"payment_id": {payment}, "link_id": null}}'
        rows["mail"].append(_mail("receipt", f"receipt:{payment}:{email}", email, context, customer, None, at))
        if payment <= KEPT_EVENTS:
            event, payload = stripe_event(payment, intent, minor)
            rows["stripe_event"].append(
                (event, "payment_intent.succeeded", intent, False, API_VERSION, "processed", 1, "", payload, at, at)
            )
        received = (
            f'{{"applied":{{"{id_}":{minor}}},"currency":"GBP","intent":"{intent}","minor":{minor},'
            f'"reference":"{reference}"}}'
        )
        self._audit(rows, "payment.received", f"payment:{payment}", f"{payer} Alice Poole", received, on)

    def _post(self, rows: Rows, ref: str, kind: str, on: date, legs: list[tuple[Any, ...]]) -> None:
        self._postings += 1
        day, at = on.isoformat(), instant(on)
        rows["posting"].append((self._postings, ref, kind, day, at))
        for debit, credit, minor, customer, invoice, payment in legs:
            rows["transfer"].append((self._postings, debit, credit, minor, "GBP", customer, invoice, payment, day, at))

    def _audit(self, rows: Rows, action: str, subject: str, actor: str, facts: str, on: date) -> None:
        self.sequence += 1
        row = {
            "sequence": self.sequence,
            "at": moment(on),
            "actor": actor,
            "action": action,
            "subject": subject,
            "facts": facts,
            "request_id": "",
            "previous_hash": self.previous_hash,
        }
        self.previous_hash = audit._hash(row)  # noqa: SLF001 - chained as the product chains, or its check would say so
        rows["audit_row"].append((*(row | {"at": instant(on)}).values(), self.previous_hash))


API_VERSION = "2026-10-28.endive"


def name_of(customer: int) -> str:
    """The name of a customer: Harbour Coffee 17."""
    return f"{NAMES[customer % 10]} {TRADES[customer // 10 % 10]} {customer}"


def address_of(customer: int) -> list[str]:
    """Where it has its office."""
    return [f"{customer} Harbour Street", "Falmouth TR11 3XA", "United Kingdom"]


def email_of(customer: int) -> str:
    """The one contact of a customer, who can also sign in."""
    return f"alice@customer-{customer}.example"


def moment(on: date) -> datetime:
    """Nine in the morning of a day, UTC."""
    return datetime.combine(on, time(9), tzinfo=UTC)


def instant(on: date) -> str:
    """The same as SQLite keeps it, which PostgreSQL reads too."""
    return f"{on.isoformat()}T09:00:00.000000Z"


def stripe_event(payment: int, intent: str, minor: int) -> tuple[str, str]:
    """The id and the text of the event that told of a payment."""
    event = {
        "id": f"evt_{payment:024d}",
        "object": "event",
        "api_version": API_VERSION,
        "created": 1_790_000_000 + payment,
        "livemode": False,
        "type": "payment_intent.succeeded",
        "data": {"object": {"id": intent, "object": "payment_intent", "amount": minor, "currency": "gbp"}},
    }
    return str(event["id"]), json.dumps(event)


@dataclass(frozen=True, slots=True)
class Basket:
    """Five lines with their taxes, as rows without their invoice, and as the text of a snapshot."""

    lines: list[tuple[Any, ...]]
    taxes: list[tuple[Any, ...]]
    lines_text: str
    taxes_text: str
    net_minor: int
    total_minor: int


def _basket(dice: random.Random) -> Basket:
    lines = [_line(dice, position) for position in range(1, LINES + 1)]
    bases: dict[tuple[str, int], int] = defaultdict(int)
    for line in lines:
        bases[line["tax_category"], line["tax_rate_ppm"]] += line["net_minor"]
    taxes: list[dict[str, Any]] = [
        {
            "category": category,
            "rate_ppm": ppm,
            "reason": "",
            "base_minor": base,
            "tax_minor": (base * ppm + 500_000) // 1_000_000,
        }
        for (category, ppm), base in sorted(bases.items())
    ]
    net = sum(bases.values())
    return Basket(
        lines=[_line_row(line) for line in lines],
        taxes=[(place, *tax.values()) for place, tax in enumerate(taxes, start=1)],
        lines_text=_text(lines),
        taxes_text=_text(taxes),
        net_minor=net,
        total_minor=net + sum(tax["tax_minor"] for tax in taxes),
    )


def _line(dice: random.Random, position: int) -> dict[str, Any]:
    quantity, price = dice.randint(1, 24), dice.randint(150, 90_000)
    standard = dice.random() < 0.8
    return {
        "position": position,
        "description": dice.choice(ITEMS),
        "detail": "",
        "quantity": str(quantity),
        "unit": "",
        "unit_price": f"{price // 100}.{price % 100:02d}",
        "gross_minor": quantity * price,
        "discount_minor": 0,
        "net_minor": quantity * price,
        "tax_category": "S" if standard else "Z",
        "tax_rate_ppm": 200_000 if standard else 0,
    }


def _line_row(line: dict[str, Any]) -> tuple[Any, ...]:
    return (
        *(line["position"], line["description"], "", line["quantity"], "", line["unit_price"], "", 0),
        *(line["tax_category"], line["tax_rate_ppm"], "", line["gross_minor"], 0, line["net_minor"]),
    )


def _frozen(number: str, on: str, due_on: str, customer: int, subject: str, po: str, basket: Basket) -> str:
    """The snapshot as text, its keys in order: put together from parts, as making it anew each time is slow."""
    return (
        f'{{"address": "https://billing.alderfinch.example/invoices/{number}", "buyer": {_buyer(customer)},'
        f' "currency": "GBP", "discount_minor": 0, "due_on": "{due_on}", "issue_on": "{on}",'
        f' "lines": {basket.lines_text}, "lines_minor": {basket.net_minor}, "locale": "en_GB",'
        f' "net_minor": {basket.net_minor}, "notes": "", "number": "{number}", "po": "{po}",'
        f' "rounding_rule": "per_tax_group", "seller": {_SELLER_TEXT}, "subject": "{subject}",'
        f' "tax_minor": {basket.total_minor - basket.net_minor}, "taxes": {basket.taxes_text},'
        f' "template": "invoice-1", "terms": "{TERMS}", "total_minor": {basket.total_minor}}}'
    )


def _buyer(customer: int) -> str:
    name = name_of(customer)
    return _text({"address": address_of(customer), "legal_name": f"{name} Ltd", "name": name, "tax_id": ""})


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)


_SELLER_TEXT = _text(SELLER)


def _mail(
    event: str, key: str, email: str, context: str, customer: int, invoice: int | None, at: str
) -> tuple[Any, ...]:
    return (
        *(event, key, email, "Alice Poole", context, customer, invoice, _sha(key)[:32]),
        *("accepted", 1, at, "", at, at),
    )


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
