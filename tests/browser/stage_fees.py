"""Umbrella of the stage, whose invoices carry terms of every kind; and a late fee on Acme's overdue invoice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from billing import fee_rules, fees, instalments, invoices, seller
from tests.portal import scenes
from tests.world import AT, TODAY, content

if TYPE_CHECKING:
    from billing.actors import Actor
    from billing.tables import Customer, Invoice
    from tests.world import World

TOTAL = 116_400


def arrange(world: World, umbrella: Customer, uma: Actor, overdue: Invoice) -> dict[str, str]:
    """Fill in terms and fees; gives what addresses name."""
    rule = fee_rules.Rule(shape=fee_rules.FLAT, minor=40_00, grace_days=7)
    policy = seller.SellerPolicy(late_fee=rule, early_days=10, early_ppm=20_000, methods=("PayPal",))
    seller.save_policy(policy, version=seller.get().version, by=world.sam, at=AT)
    fees.charge_due(TODAY, AT)
    (charge,) = fees.of(overdue.id)
    in_parts = _issued(world, umbrella, parts=tuple(instalments.equal_parts(TOTAL, 3, first_on=TODAY)))
    scenes.paid(in_parts, 50_000, by=uma)
    early = _issued(world, umbrella, early_days=10, early_ppm=20_000)
    deposit = _draft(world, umbrella, parts=tuple(instalments.with_deposit(300_000, rest_on=TODAY.replace(month=12))))
    return {
        "fee": str(charge.fee_invoice.number),
        "fee_id": str(charge.fee_invoice_id),
        "charge_id": str(charge.id),
        "charged_id": str(overdue.id),
        "in_parts": str(in_parts.number),
        "in_parts_id": str(in_parts.id),
        "early": str(early.number),
        "deposit_id": str(deposit.id),
    }


def _draft(world: World, customer: Customer, **terms: Any) -> Invoice:
    return invoices.draft(customer.id, replace(content(), **terms), by=world.sam, at=AT)


def _issued(world: World, customer: Customer, **terms: Any) -> Invoice:
    draft = _draft(world, customer, **terms)
    return invoices.issue(draft.id, on=TODAY, version=draft.version, by=world.sam, at=AT)
