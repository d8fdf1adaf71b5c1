"""Why a refund is not made, each in words that its reader can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import formatting
from billing.errors import Conflict, Missing, Refusal

if TYPE_CHECKING:
    from billing.tables import Payment, Refund


class NoSuchRefund(Missing):
    """No refund has that number."""

    def __init__(self) -> None:
        super().__init__("We cannot find that refund.")


class NotGivenBackThatWay(Refusal):
    """The payment did not come by card, or there is nobody to send it back by."""

    def __init__(self) -> None:
        super().__init__(
            "This money cannot go back the way it came. Choose bank transfer, cheque, cash or another way.",
            field="method",
        )


class RefundExceedsPayment(Conflict):
    """More than is left of what came, after earlier refunds and chargebacks."""

    def __init__(self, payment: Payment, *, asked_minor: int, most_minor: int) -> None:
        most = formatting.money(most_minor, payment.currency)
        super().__init__(
            f"Only {most} of payment {payment.reference} can still go back to the card or bank it came from.",
            field="amount",
        )
        self.payment = payment
        self.asked_minor = asked_minor
        self.most_minor = most_minor


class NotGivenBackExactly(Refusal):
    """A currency of three decimals goes back to a card in hundredths alone."""

    def __init__(self, minor: int, currency: str) -> None:
        amount = formatting.money(minor, currency)
        super().__init__(
            f"{amount} cannot be refunded exactly by card: its last digit must be 0. Choose another amount, or send "
            "it another way.",
            field="amount",
        )
        self.minor = minor
        self.currency = currency


class ChargebackOpen(Conflict):
    """The payer's bank has taken the payment back, or asks for it: refunding it too would pay twice."""

    def __init__(self, payment: Payment) -> None:
        super().__init__(
            f"Your customer’s bank is taking payment {payment.reference} back (a chargeback). A refund would give the "
            "money back twice. Answer the chargeback in Stripe first."
        )
        self.payment = payment


class NothingLeftToRefund(Conflict):
    """Less than that is left of the credit, or of what was applied to the invoice."""

    def __init__(self, *, left_minor: int, currency: str) -> None:
        left = formatting.money(left_minor, currency)
        super().__init__(f"Only {left} can be given back here. Enter {left} or less.", field="amount")
        self.left_minor = left_minor


class RefundDecided(Conflict):
    """Somebody else approved or declined it first."""

    def __init__(self, refund: Refund) -> None:
        super().__init__("Somebody decided about this refund already.")
        self.refund = refund


class SentInFuture(Refusal):
    """Money that is still to be sent is not given back yet."""

    def __init__(self) -> None:
        super().__init__("Enter the day on which you sent it, today or before.", field="sent_on")
