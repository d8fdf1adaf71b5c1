"""Metadata: the merchant's own notes on an object. Limits: 50 keys of 40 characters, values of 500."""

from __future__ import annotations

from stripe_sandbox.errors import ParameterError

MOST_KEYS, LONGEST_KEY, LONGEST_VALUE = 50, 40, 500


def new(given: dict[str, str] | str | None) -> dict[str, str]:
    """The notes of a new object; empty values are not kept."""
    return merged({}, given if given is not None else {})


def merged(kept: dict[str, str], given: dict[str, str] | str) -> dict[str, str]:
    """The notes after an update: an empty value removes its key, an empty `metadata` removes all."""
    if not isinstance(given, dict):
        return {}
    for key, value in given.items():
        if len(key) > LONGEST_KEY:
            raise ParameterError(
                f"Metadata keys can be up to {LONGEST_KEY} characters, but you passed in a key that is "
                f"{len(key)} characters. Invalid key: {key}",
                param="metadata",
            )
        if len(value) > LONGEST_VALUE:
            raise ParameterError(
                f"Metadata values can have up to {LONGEST_VALUE} characters, but you passed in a value that is "
                f"{len(value)} characters.",
                param=f"metadata[{key}]",
            )
    answer = {key: value for key, value in (kept | given).items() if value != ""}
    if len(answer) > MOST_KEYS:
        raise ParameterError(f"You can only have up to {MOST_KEYS} metadata keys.", param="metadata")
    return answer
