"""Autopay: what a customer agreed to is charged to its saved card on the day it falls due, and told beforehand.

A run is one try to charge one invoice; it is committed with its attempt before the card is charged, and its key
makes a second such try impossible. The bank's no has a schedule; no answer means the same call again.
"""

from billing.autopay.choosing import Coming, PlannedCharge, coming, next_charges, schedule, skip
from billing.autopay.reading import DECLINED, WHY, Told, last_run, runs_of
from billing.autopay.running import Ran, run_due, work
from billing.autopay.telling import tell_upcoming

__all__ = [
    "DECLINED",
    "WHY",
    "Coming",
    "PlannedCharge",
    "Ran",
    "Told",
    "coming",
    "last_run",
    "next_charges",
    "run_due",
    "runs_of",
    "schedule",
    "skip",
    "tell_upcoming",
    "work",
]
