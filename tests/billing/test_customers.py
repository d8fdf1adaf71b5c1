"""Customers and their contacts: added, changed, and let in and out of the portal with each change."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from billing import customers, users
from billing.errors import Invalid, Missing
from billing.tables import Contact
from tests.world import AT

if TYPE_CHECKING:
    from tests.world import World

NEW = customers.CustomerDetails(
    name="Çelik",
    legal_name="Çelik Ltd",
    address=("1 Lane",),
    country="gb",
    currency="GBP",
    contacts=(customers.ContactDetails(name="Deniz", email="Deniz@Celik.example "),),
)


def test_a_customer_is_kept_as_it_was_typed_but_for_case_of_codes_and_emails(world: World) -> None:
    customer = customers.create(NEW, by=world.sam, at=AT)
    assert (customer.name, customer.country, customer.search_name) == ("Çelik", "GB", "çelik")
    assert [contact.email for contact in customers.contacts(customer.id)] == ["deniz@celik.example"]


def test_a_contact_may_sign_in_for_its_customer_alone(world: World) -> None:
    customer = customers.create(NEW, by=world.sam, at=AT)
    user = users.by_email("deniz@celik.example")
    assert user is not None
    assert user.password_hash is None
    assert [found.id for found in users.customers_of(user.id)] == [customer.id]


def test_a_contact_of_two_customers_is_one_person(world: World) -> None:
    both = customers.ContactDetails(name="Alice", email="alice@acme.example")
    customer = customers.create(replace(NEW, contacts=(both,)), by=world.sam, at=AT)
    user = users.by_email("alice@acme.example")
    assert user is not None
    assert {found.id for found in users.customers_of(user.id)} == {customer.id, world.acme.id}


def test_a_contact_who_is_gone_gets_no_mail_and_sees_nothing(world: World) -> None:
    customer = customers.create(NEW, by=world.sam, at=AT)
    user = users.by_email("deniz@celik.example")
    assert user is not None
    edited = customers.edit(customer.id, replace(NEW, contacts=()), version=1, by=world.sam, at=AT)
    assert customers.contacts(customer.id) == customers.recipients(customer.id) == []
    assert users.customers_of(user.id) == []
    assert Contact.select().where(Contact.customer == customer.id).count() == 1, "mailed links name the row"
    customers.edit(customer.id, NEW, version=edited.version, by=world.sam, at=AT + timedelta(days=1))
    assert [found.id for found in users.customers_of(user.id)] == [customer.id]


def test_staff_named_as_a_contact_stay_staff(world: World) -> None:
    sam = customers.ContactDetails(name="Sam", email="sam@alderfinch.example")
    customers.create(replace(NEW, contacts=(sam,)), by=world.sam, at=AT)
    assert world.sam.user_id is not None
    assert users.customers_of(world.sam.user_id) == []
    assert users.get(world.sam.user_id).role == "admin"


def test_a_stale_edit_is_refused(world: World) -> None:
    customers.edit(world.acme.id, NEW, version=1, by=world.sam, at=AT)
    with pytest.raises(customers.CustomerChanged):
        customers.edit(world.acme.id, NEW, version=1, by=world.sam, at=AT)


def test_a_customer_who_was_billed_keeps_its_currency(world: World) -> None:
    world.issued()
    with pytest.raises(customers.CurrencyInUse):
        customers.edit(world.acme.id, replace(NEW, currency="EUR"), version=1, by=world.sam, at=AT)


def test_what_is_wrong_with_a_customer_is_said_at_its_fields(world: World) -> None:
    twice = customers.ContactDetails(name="D", email="d@celik.example")
    wrong = customers.CustomerDetails(
        name="",
        legal_name="x" * 201,
        address=(),
        country="XX",
        currency="XXX",
        terms_days=366,
        contacts=(replace(twice, email="nobody"), twice, twice),
    )
    with pytest.raises(Invalid) as refused:
        customers.create(wrong, by=world.sam, at=AT)
    assert set(refused.value.problems) == {
        "name", "legal_name", "address", "country", "currency", "terms_days", "contacts-0-email", "contacts-2-email",
    }  # fmt: skip


def test_an_unknown_customer_is_missing(world: World) -> None:
    with pytest.raises(Missing):
        customers.get(999)


def test_customers_are_paged_by_name_and_found_by_any_part_of_it(world: World) -> None:
    for name in ("Beta", "Alpha", "ÉCLAIR"):
        customers.create(replace(NEW, name=name, contacts=()), by=world.sam, at=AT)
    first = customers.page(limit=2)
    assert [customer.name for customer in first[:2]] == ["Acme", "Alpha"]
    after = f"{first[1].search_name}|{first[1].id}"
    assert [customer.name for customer in customers.page(after=after, limit=5)] == ["Beta", "Globex", "ÉCLAIR"]
    assert [customer.name for customer in customers.page(q="Éclair")] == ["ÉCLAIR"]
    assert customers.count() == 5
