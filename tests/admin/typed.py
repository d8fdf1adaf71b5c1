"""What a person types into the forms of the admin, and how a reply is read."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from tests.web_fixtures import fresh_form_id

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

    from billing.tables import Customer


def line(
    number: int = 0,
    *,
    description: str = "Espresso machine lease",
    quantity: str = "2",
    unit_price: str = "485.00",
    tax: str = "S:200000",
    **more: str,
) -> dict[str, str]:
    """One line of the editor; 970.00 net where nothing else is said."""
    said = {"description": description, "quantity": quantity, "unit_price": unit_price, "tax": tax} | more
    return {f"lines-{number}-{name}": value for name, value in said.items()}


def draft(customer: Customer | None = None, *lines: dict[str, str], **more: str) -> dict[str, str]:
    """The editor as it is sent."""
    sent = {"form_id": fresh_form_id(), "subject": "October services", **more}
    if customer:
        sent["customer_id"] = str(customer.id)
    for each in lines or (line(),):
        sent |= each
    return sent


def words(reply: TestResponse) -> str:
    """The reply as read: without tags, its spaces made single."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", reply.text)).replace("\xa0", " ").split())


def value_of(reply: TestResponse, name: str) -> str:
    """What stands in a field of the reply."""
    found = re.search(rf'<input[^>]*\bname="{re.escape(name)}"[^>]*\bvalue="([^"]*)"', reply.text)
    if found is None:
        found = re.search(rf'<textarea[^>]*\bname="{re.escape(name)}"[^>]*>\s*([^<]*)<', reply.text)
    assert found, f"the reply has no field {name}"
    return html.unescape(found[1])


def chosen_in(reply: TestResponse, name: str) -> str:
    """Which option of a select is chosen."""
    select = re.search(rf'<select[^>]*\bname="{re.escape(name)}".*?</select>', reply.text, re.DOTALL)
    assert select, f"the reply has no choice {name}"
    found = re.search(r'<option value="([^"]*)" selected', select[0])
    return found[1] if found else ""
