"""Who lives in the simulation: the cast of the tests, and customers in currencies without and with three decimals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing import customers
from billing.actors import SYSTEM, Actor
from billing.tables import Customer, User
from tests.world import AT, find_world, make_world

if TYPE_CHECKING:
    from tests.world import World

FOREIGN = (("Kaba", "JPY", "JP"), ("Dune", "KWD", "KW"))


@dataclass(frozen=True, slots=True)
class Cast:
    """The world of the tests, every customer, and the person of each who pays."""

    world: World
    customers: tuple[Customer, ...]
    payers: dict[int, tuple[Actor, ...]]


def fill() -> None:
    """Write the cast into an empty, migrated database."""
    make_world()
    for name, currency, country in FOREIGN:
        email = f"{name.lower()}@{name.lower()}.example"
        details = customers.CustomerDetails(
            name=name,
            legal_name=f"{name} Ltd",
            address=("1 Sand Street",),
            country=country,
            currency=currency,
            contacts=(customers.ContactDetails(name=name, email=email),),
        )
        customers.create(details, by=SYSTEM, at=AT)


def find() -> Cast:
    """The cast of a database that fill() has written."""
    world = find_world()
    payers = {world.acme.id: (world.alice, world.bob), world.globex.id: (world.gina,)}
    everyone = list(Customer.select().order_by(Customer.id))
    for customer in everyone:
        if customer.id not in payers:
            user = User.get(User.email == f"{customer.name.lower()}@{customer.name.lower()}.example")
            payers[customer.id] = (Actor("customer", f"user:{user.id}", user.name, user.id),)
    return Cast(world, tuple(everyone), payers)
