"""Refusals in Stripe's words and shape: `{"error": {"type", "code", "message", "param", ...}}`."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

DOCS = "https://docs.stripe.com/error-codes/"
NOUNS = {"payment_method": "PaymentMethod"}  # every other one is called as the API calls it


class ApiError(Exception):
    """An answer other than 200. `is_kept` says that an idempotency key remembers it.

    `keeps_effects` says that what the verb wrote stays written: a declined charge is a fact, a refused
    parameter is not.
    """

    keeps_effects = False
    is_kept = True

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        **facts: object,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        error: Json = {"type": kind, "message": message, **facts}
        if code:
            error |= {"code": code, "doc_url": DOCS + code.replace("_", "-")}
        if param:
            error["param"] = param
        self.error = error

    @property
    def body(self) -> Json:
        """The reply's JSON."""
        return {"error": self.error}


class ParameterError(ApiError):
    """The request itself is wrong: nothing began, so an idempotency key does not remember it."""

    is_kept = False


class NotSupportedError(ParameterError):
    """Stripe knows it, this sandbox does not: said aloud rather than silently ignored."""

    def __init__(self, what: str, *, param: str | None = None) -> None:
        super().__init__(
            f"The sandbox does not support {what}. Stripe does.", code="sandbox_not_supported", param=param
        )


class CardDeclinedError(ApiError):
    """402: the bank says no. The failed charge stays on the books."""

    keeps_effects = True


def no_such(noun: str, object_id: str, *, param: str, in_path: bool = False) -> ApiError:
    """Stripe answers 404 for an id in the address and 400 for an id in a parameter."""
    return ApiError(
        f"No such {NOUNS.get(noun, noun)}: '{object_id}'",
        status=404 if in_path else 400,
        code="resource_missing",
        param=param,
    )
