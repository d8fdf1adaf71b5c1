"""The lines of a checkout session, priced on the spot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_sandbox import currencies, metadata
from stripe_sandbox.errors import NotSupportedError, ParameterError
from stripe_sandbox.store import Store, new_id

if TYPE_CHECKING:
    from stripe_sandbox.errors import Json

MOST = 100


def new(store: Store, given: list[Json], currency: str | None) -> tuple[list[Json], str]:
    """The lines and their one currency. Raises ParameterError."""
    if not isinstance(given, list) or not 1 <= len(given) <= MOST:
        raise ParameterError(f"Between 1 and {MOST} line items are allowed.", param="line_items")
    lines = [_line(store, item, f"line_items[{index}]") for index, item in enumerate(given)]
    found = {line["currency"] for line in lines} | ({currency.lower()} if currency else set())
    if len(found) != 1:
        raise ParameterError(
            "All line_items must have the same currency: " + ", ".join(sorted(found)), param="line_items"
        )
    return lines, found.pop()


def _line(store: Store, item: Json, where: str) -> Json:
    price = item.get("price_data")
    if price is None:
        raise NotSupportedError("line items without price_data", param=f"{where}[price_data]")
    product = price.get("product_data")
    if product is None:
        name = f"{where}[price_data][product_data]"
        raise ParameterError(f"Missing required param: {name}.", code="parameter_missing", param=name)
    unit_minor, quantity = price.get("unit_amount"), item.get("quantity", 1)
    if unit_minor is None:
        name = f"{where}[price_data][unit_amount]"
        raise ParameterError(f"Missing required param: {name}.", code="parameter_missing", param=name)
    if unit_minor < 0 or quantity < 1:
        raise ParameterError("Invalid non-negative integer", code="parameter_invalid_integer", param=where)
    currency = currencies.checked(price["currency"], param=f"{where}[price_data][currency]")
    amount_minor = unit_minor * quantity
    return {
        "id": new_id("li_1"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount_minor,
        "amount_tax": 0,
        "amount_total": amount_minor,
        "currency": currency,
        "description": product["name"],
        "metadata": metadata.new(item.get("metadata")),
        "price": _price(store, currency, unit_minor),
        "quantity": quantity,
    }


def _price(store: Store, currency: str, unit_minor: int) -> Json:
    nothing = (
        "custom_unit_amount",
        "lookup_key",
        "nickname",
        "recurring",
        "tiers_mode",
        "transform_quantity",
    )
    return dict.fromkeys(nothing) | {
        "id": new_id("price_1"),
        "object": "price",
        "active": False,
        "billing_scheme": "per_unit",
        "created": store.now(),
        "currency": currency,
        "livemode": False,
        "metadata": {},
        "product": new_id("prod_", 14),
        "tax_behavior": "unspecified",
        "type": "one_time",
        "unit_amount": unit_minor,
        "unit_amount_decimal": str(unit_minor),
    }
