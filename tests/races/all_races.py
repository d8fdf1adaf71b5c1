"""All races, by name."""

from __future__ import annotations

from tests.races.issuing_races import ISSUING
from tests.races.paying_races import PAYING
from tests.races.spending_races import SPENDING

RACES = (*PAYING, *SPENDING, *ISSUING)
