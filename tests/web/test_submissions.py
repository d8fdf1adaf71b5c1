"""Forms that act once: a second sending leads where the first led, and does nothing."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, cast

import pytest
from flask import redirect, render_template_string, request

from billing import db
from billing.errors import Refusal
from billing.tables import Customer, Submission
from tests.web_fixtures import Client, fresh_form_id, make_app
from web.people import anybody
from web.submissions import once

if TYPE_CHECKING:
    from flask import Flask
    from flask.typing import ResponseReturnValue

    from tests.web_fixtures import MovedClock
    from tests.world import World


@pytest.fixture
def acting(world: World, now: MovedClock) -> Flask:
    """An application with a form that renames Acme."""
    assert now
    made = make_app()

    @anybody
    @once
    def rename() -> ResponseReturnValue:
        name = request.form.get("name", "")
        Customer.update(version=Customer.version + 1, name=name or "?").where(Customer.id == world.acme.id).execute()
        if name == "refused":
            raise Refusal("Not that name.")
        if not name:
            return "a form with errors", 422
        return redirect(f"/customers/{name}", 303)

    @anybody
    @once
    def claim() -> ResponseReturnValue:
        unclaimed = (Customer.id == world.acme.id) & (Customer.name != "Claimed")
        if not Customer.update(version=Customer.version + 1, name="Claimed").where(unclaimed).execute():
            if request.form["refusal"] == "shown":
                return "Somebody was first.", 409
            raise Refusal("Somebody was first.")
        time.sleep(0.3)  # the others come while this is still running
        return redirect("/customers/claimed", 303)

    made.add_url_rule("/rename", "rename", rename, methods=["POST"])
    made.add_url_rule("/claim", "claim", claim, methods=["POST"])
    made.add_url_rule("/form", "form", anybody(lambda: render_template_string("{{ form_id() }}")))
    return made


def versions(world: World) -> int:
    version: int = Customer.get_by_id(world.acme.id).version
    return version


def test_a_second_sending_finds_the_first_outcome(world: World, acting: Flask) -> None:
    browser, before = cast("Client", acting.test_client()), versions(world)
    form = {"form_id": fresh_form_id(), "name": "One"}
    replies = [browser.post("/rename", data=form) for _ in range(3)]
    assert [reply.location for reply in replies] == ["/customers/One"] * 3
    assert versions(world) == before + 1
    again = browser.post("/rename", data=form, hx=True)
    assert (again.status_code, again.headers["HX-Redirect"]) == (200, "/customers/One")


def test_the_same_id_with_other_content_is_refused(world: World, acting: Flask) -> None:
    browser, form_id = cast("Client", acting.test_client()), fresh_form_id()
    browser.post("/rename", data={"form_id": form_id, "name": "One"})
    before = versions(world)
    reply = browser.post("/rename", data={"form_id": form_id, "name": "Two"})
    assert reply.status_code == 409
    assert "sent before with other content" in reply.text
    assert versions(world) == before


@pytest.mark.parametrize(("name", "status"), [("refused", 422), ("", 422)])
def test_what_was_refused_leaves_nothing_and_may_be_sent_again(
    world: World, acting: Flask, name: str, status: int
) -> None:
    browser, form_id, before = cast("Client", acting.test_client()), fresh_form_id(), versions(world)
    assert browser.post("/rename", data={"form_id": form_id, "name": name}).status_code == status
    assert versions(world) == before
    assert Submission.select().count() == 0
    assert browser.post("/rename", data={"form_id": form_id, "name": "Good"}).status_code == 303
    assert versions(world) == before + 1


@pytest.mark.parametrize("form_id", ["", "short", "x" * 65, "a b c d e f g h i j k", "<script>alert(1)</script>"])
def test_a_form_without_its_id_is_refused(acting: Flask, form_id: str) -> None:
    browser = cast("Client", acting.test_client())
    assert browser.post("/rename", data={"form_id": form_id, "name": "One"}).status_code == 400


def test_each_page_has_its_own_id(acting: Flask) -> None:
    browser = cast("Client", acting.test_client())
    ids = {browser.get("/form").text for _ in range(5)}
    assert len(ids) == 5
    assert all(len(form_id) == 24 for form_id in ids)


def many_times_at_once(acting: Flask, address: str, form: dict[str, str]) -> list[tuple[int, str | None]]:
    """What eight sendings of one form are answered."""
    barrier, answers = threading.Barrier(8), list[tuple[int, str | None]]()

    def send() -> None:
        with db.connection():
            browser = cast("Client", acting.test_client())
            token = browser.csrf_token()
            barrier.wait()
            reply = browser.post(address, data=form, headers={"X-CSRFToken": token})
            answers.append((reply.status_code, reply.location))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_sent_many_times_at_once_it_acts_once(world: World, acting: Flask) -> None:
    before, form = versions(world), {"form_id": fresh_form_id(), "name": "One"}
    assert many_times_at_once(acting, "/rename", form) == [(303, "/customers/One")] * 8
    assert versions(world) == before + 1


@pytest.mark.parametrize("refusal", ["raised", "shown"])
def test_whom_the_first_sending_stood_in_the_way_is_led_where_it_led(world: World, acting: Flask, refusal: str) -> None:
    before, form = versions(world), {"form_id": fresh_form_id(), "refusal": refusal}
    assert many_times_at_once(acting, "/claim", form) == [(303, "/customers/claimed")] * 8
    assert versions(world) == before + 1
    other = cast("Client", acting.test_client()).post("/claim", data=form | {"form_id": fresh_form_id()})
    assert other.status_code in {409, 422}, "another form is refused as ever"
