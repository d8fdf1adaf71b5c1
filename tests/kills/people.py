"""People at their browsers, who send a form until it is answered, and write down every promise they are given.

A form that got no answer (its server was killed) is sent again as it was, as a browser's reload does. What was
answered must be in the books once; so each carries a mark of its own.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tests.servers_sandbox import Bank

LONGEST_ANSWER_SECONDS = 20.0
AGAIN_SECONDS = 0.1
MOST_TRIES = 400
THINKING_SECONDS = 0.15
LOOKS = 40  # for a payment whose news has not come
CREDITED, USED_MINOR = "100.00", 10_00
REFUNDED, REFUNDED_MINOR = "50.00", 50_00
TOTAL, TOTAL_MINOR = "1164.00", 1_164_00


@dataclass(frozen=True, slots=True)
class Promise:
    """One write that was answered: what, its mark, and what the answer said of it."""

    what: str
    mark: str
    said: str = ""
    minor: int = 0


@dataclass
class Notebook:
    """All promises, how many answers and how many lost ones, and whatever nobody should have seen."""

    promises: list[Promise] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    lost_answers: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def promised(self, what: str, mark: str, said: str = "", minor: int = 0) -> None:
        with self._lock:
            self.promises.append(Promise(what, mark, said, minor))

    def answered(self, words: str) -> None:
        with self._lock:
            self.answers[words] += 1

    def answered_in_all(self) -> int:
        with self._lock:
            return self.answers.total()

    def trouble(self, words: str) -> None:
        with self._lock:
            self.troubles.append(words)

    def lost(self) -> None:
        with self._lock:
            self.lost_answers += 1

    def of(self, what: str) -> list[Promise]:
        """The promises of a kind."""
        return [promise for promise in self.promises if promise.what == what]


class Unanswered(Exception):
    """Nobody answered, however often it was sent."""


@dataclass
class Browser:
    """One signed-in person's browser, that insists."""

    base: str
    face: str
    token: str
    notebook: Notebook
    dice: random.Random

    def __post_init__(self) -> None:
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.cookies.set(f"remit_{self.face}", self.token)
        self._csrf = ""

    def page(self, path: str) -> str:
        """A page, read until it comes."""
        return self._insist("GET", path, None).text

    def send(self, path: str, fields: dict[str, str]) -> requests.Response:
        """A form, sent as it is until it is answered with anything but "try again"."""
        if not self._csrf:
            self._csrf = _csrf_in(self.page("/admin/invoices/new" if self.face == "admin" else "/invoices"))
        return self._insist("POST", path, fields | {"csrf_token": self._csrf})

    def _insist(self, method: str, path: str, fields: dict[str, str] | None) -> requests.Response:
        for _ in range(MOST_TRIES):
            address = ".".join(str(self.dice.randrange(1, 250)) for _ in range(3))
            try:
                answer = self._http.request(
                    method, f"{self.base}{path}", data=fields, allow_redirects=False,
                    timeout=LONGEST_ANSWER_SECONDS, headers={"X-Forwarded-For": f"10.{address}"},
                )  # fmt: skip
            except requests.RequestException:
                self.notebook.lost()
                time.sleep(AGAIN_SECONDS * self.dice.random())
                continue
            self.notebook.answered(f"{method} {answer.status_code}")
            if answer.status_code >= 500 and answer.status_code != 503:
                self.notebook.trouble(f"{method} {path}: {answer.status_code}")
            if answer.status_code != 503:
                return answer
            time.sleep(AGAIN_SECONDS)
        raise Unanswered(f"{method} {path}")


def _csrf_in(page: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page) or re.search(
        r'value="([^"]+)"[^>]*name="csrf_token"', page
    )
    assert found, "a page with a form has its token"
    return found[1]


@dataclass
class Pair:
    """A clerk and a customer's person, who do one thing after another until they are told to stop."""

    number: int
    customer_id: int
    clerk: Browser
    payer: Browser
    bank: Bank
    notebook: Notebook
    dice: random.Random
    _made: int = 0

    def live(self, may_go_on: threading.Event, over: threading.Event, idle: threading.Event) -> None:
        """Begin a story whenever they may; a story is told to its end."""
        try:
            while not over.is_set():
                if not may_go_on.is_set():
                    idle.set()
                    over.wait(0.02)
                    continue
                idle.clear()
                self.story()
        except Exception as error:  # noqa: BLE001 - a thread has nobody to tell but the notebook
            self.notebook.trouble(f"{type(error).__name__}: {error}")
        finally:
            idle.set()

    def story(self) -> None:
        """An invoice from its draft on: paid by card, perhaps given back in part, paid by bank, credited, or left."""
        invoice_id = self.drafted()
        number = self.issued(invoice_id)
        end: Callable[[], object] = self.dice.choice(
            [
                lambda: self.paid(number),
                lambda: self.refunded(invoice_id, number, self.paid(number)),
                lambda: self.recorded(invoice_id),
                lambda: self.credited(invoice_id, number),
                lambda: None,
            ]
        )
        end()

    def mark(self) -> str:
        """A mark that nothing else carries."""
        self._made += 1
        return f"kills-{self.number}-{self._made}-{secrets.token_hex(4)}"

    def think(self) -> None:
        time.sleep(THINKING_SECONDS * self.dice.random())

    def drafted(self) -> int:
        self.think()
        subject = self.mark()
        fields = {
            "form_id": secrets.token_urlsafe(18), "customer_id": str(self.customer_id), "subject": subject,
            "lines-0-description": "Espresso machine lease", "lines-0-quantity": "2",
            "lines-0-unit_price": "485.00", "lines-0-tax": "S:200000",
        }  # fmt: skip
        where = self._led_to(self.clerk.send("/admin/invoices/new", fields), "/admin/invoices/")
        self.notebook.promised("drafted", subject, where)
        return int(where.rpartition("/")[2])

    def issued(self, invoice_id: int) -> str:
        self.think()
        fields = {"form_id": secrets.token_urlsafe(18), "version": "1", "issue_on": ""}
        self._led_to(self.clerk.send(f"/admin/invoices/{invoice_id}/issue", fields), f"/admin/invoices/{invoice_id}")
        self.notebook.promised("issued", str(invoice_id))
        found = re.search(r"INV-[0-9]{4}-[0-9]{4,}", self.clerk.page(f"/admin/invoices/{invoice_id}"))
        assert found, "an issued invoice has its number"
        return found[0]

    def paid(self, number: str) -> str:
        """Press Pay, fill in the provider's page, come back; gives the payment's reference."""
        self.think()
        fields = {"nonce": secrets.token_urlsafe(18), "quoted_total": str(TOTAL_MINOR)}
        page = self._led_to(self.payer.send(f"/invoices/{number}/pay", fields), self.bank.base_url)
        self.notebook.promised("pressed", number, page)
        self.think()
        reply = self.bank.pay(page)
        back = re.search(r"/payments/(PAY-[A-Z0-9-]+)", reply.headers.get("Location", ""))
        assert reply.status_code == 303, f"the provider's page answers {reply.status_code}"
        assert back, "and leads back to the payment"
        self.notebook.promised("charged", number, back[1], TOTAL_MINOR)
        self.payer.send(f"/payments/{back[1]}/check", {})
        return back[1]

    def refunded(self, invoice_id: int, number: str, reference: str) -> None:
        """The clerk sends a part back to the card, once the payment is known."""
        for _ in range(LOOKS):
            self.think()
            found = re.search(r'/admin/payments/([0-9]+)"', self.clerk.page(f"/admin/payments?q={reference}"))
            if found:
                break
        else:
            return
        reason = self.mark()
        fields = {
            "form_id": secrets.token_urlsafe(18), "place": str(invoice_id), "amount": REFUNDED,
            "way": f"original-{found[1]}", "reason": reason, "sent_on": "",
        }  # fmt: skip
        self._led_to(self.clerk.send(f"/admin/payments/{found[1]}/refund", fields), "/admin/refunds/")
        self.notebook.promised("refunded", reason, number, REFUNDED_MINOR)

    def recorded(self, invoice_id: int) -> None:
        """The clerk records that the whole came by bank."""
        self.think()
        reference = self.mark()
        fields = {
            "form_id": secrets.token_urlsafe(18), "customer": str(self.customer_id), "amount": TOTAL,
            "currency": "GBP", "received_on": datetime.now(UTC).date().isoformat(), "method": "Bank transfer",
            "bank_reference": reference, f"part-{invoice_id}": TOTAL, "mails_receipt": "1",
        }  # fmt: skip
        where = self._led_to(self.clerk.send("/admin/payments/record", fields), "/admin/payments/")
        self.notebook.promised("recorded", reference, where.rpartition("/")[2], TOTAL_MINOR)

    def credited(self, invoice_id: int, number: str) -> None:
        """The clerk gives a credit, and the customer uses some of it."""
        self.think()
        reason = self.mark()
        fields = {
            "form_id": secrets.token_urlsafe(18), "shape": "amount", "reason_code": "goodwill", "reason": reason,
            "amount": CREDITED, "destination": "kept",
        }  # fmt: skip
        where = self._led_to(self.clerk.send(f"/admin/invoices/{invoice_id}/credit", fields), "/admin/credit-notes/")
        note_id = where.rpartition("/")[2]
        self.notebook.promised("credited", reason, note_id)
        self.think()
        owed, used_minor = str(TOTAL_MINOR), str(USED_MINOR)
        used = {"nonce": secrets.token_urlsafe(18), "invoice": number, "minor": used_minor, "owed": owed}
        self._led_to(self.payer.send(f"/credits/credit_note-{note_id}/use", used), f"/invoices/{number}")
        self.notebook.promised("applied", note_id, str(invoice_id), USED_MINOR)

    def _led_to(self, answer: requests.Response, beginning: str) -> str:
        where = answer.headers.get("Location", "")
        path = where.removeprefix(self.clerk.base)
        assert answer.status_code == 303, f"{answer.request.path_url}: {answer.status_code}"
        assert path.startswith(beginning), f"{answer.request.path_url} leads to {where}"
        return path
