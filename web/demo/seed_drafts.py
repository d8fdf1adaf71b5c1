"""What the demo's invoices say: leases, visits and supplies, at home with VAT and abroad without."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from billing.instalments import PartContent
from billing.invoices import DiscountContent, DraftContent, LineContent
from web.demo import seed_words as words

if TYPE_CHECKING:
    import random
    from datetime import datetime

    from billing.tables import Customer
    from web.demo.seed_lives import Fate

STANDARD_PPM = 200_000  # United Kingdom; coffee beans and tea are food and zero-rated (VAT Notice 701/14)
YEN_PER_POUND = 190
EARLY_PPM = 20_000  # 2/10: two per cent within ten days
REVERSE_CHARGE = "Reverse charge: VAT is accounted for by the recipient, article 196 of Directive 2006/112/EC."
EXPORT = "Export of goods and services outside the United Kingdom."


def drafted(dice: random.Random, customer: Customer, at: datetime, fate: Fate = "draft") -> DraftContent:
    """One draft as the team would write it that day; some have a discount for paying early, or are due in parts."""
    offers = dice.sample(words.OFFERS, k=dice.choice((1, 2, 2, 3, 3, 4, 5)))
    offers.sort(key=words.OFFERS.index)
    discount = DiscountContent(kind="percent", value=50_000) if dice.random() < 0.08 else DiscountContent()
    return DraftContent(
        lines=tuple(_line(dice, offer, customer) for offer in offers),
        terms_days=customer.terms_days,
        po=str(dice.randint(10_000, 99_999)) if dice.random() < 0.45 else "",
        subject=dice.choice(words.SUBJECTS).format(month=f"{at:%B %Y}"),
        discount=discount,
        early_days=10 if fate == "early" else 0,
        early_ppm=EARLY_PPM if fate == "early" else 0,
        parts=_in_thirds(at) if fate == "in_parts" else (),
    )


def _in_thirds(at: datetime) -> tuple[PartContent, ...]:
    """A deposit on the day of issue, the rest in two parts."""
    day = at.date()
    return (
        PartContent(ppm=300_000),
        PartContent(due_on=day + timedelta(days=30), ppm=350_000),
        PartContent(due_on=day + timedelta(days=60), ppm=350_000),
    )


def _line(dice: random.Random, offer: words.Offer, customer: Customer) -> LineContent:
    price = Decimal(dice.choice(offer.prices))
    if customer.currency == "JPY":
        price = (price * YEN_PER_POUND // 10) * 10
    category, rate_ppm, reason = "S", STANDARD_PPM, ""
    if customer.country != "GB":
        category, rate_ppm, reason = ("G", 0, EXPORT) if customer.currency == "JPY" else ("AE", 0, REVERSE_CHARGE)
    elif offer.zero_rated:
        category, rate_ppm = "Z", 0
    return LineContent(
        description=offer.description,
        quantity=Decimal(dice.choice(offer.quantities)),
        unit=offer.unit,
        unit_price=price,
        tax_category=category,
        tax_rate_ppm=rate_ppm,
        tax_reason=reason,
        discount=DiscountContent(kind="percent", value=100_000) if dice.random() < 0.07 else DiscountContent(),
    )
