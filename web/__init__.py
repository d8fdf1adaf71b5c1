"""What both faces share about Flask: requests, people, errors, headers, limits, formats."""

from __future__ import annotations

from flask import Blueprint

web = Blueprint("web", __name__)
