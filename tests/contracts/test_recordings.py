"""The judgement at the end of a run: over all records of it, and a run that said one wrong word fails."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from stripe_sandbox.witness import ContractBrokenError, Witness
from tests.contracts import literals, node_types, recordings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contracts.literals import Said


def written(folder: Path, said: list[Said]) -> Path:
    folder.mkdir()
    half = len(said) // 2
    for name, part in (("a", said[:half]), ("b", said[half:])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in part), encoding="utf-8")
    return folder


def refund(said: list[Said]) -> Said:
    return next(one for one in said if one["kind"] == "object" and one["body"]["object"] == "refund")


def test_a_run_that_said_only_right_words_passes(said: list[Said], node: node_types.Types, tmp_path: Path) -> None:
    lines, is_good = recordings.verdict(written(tmp_path / "said", said), tmp_path / "judged")
    assert is_good
    assert lines == [f"{len(said)} shapes said to and by Stripe, 0 wrong"]


def test_a_run_that_said_one_wrong_word_fails_and_is_told_which(
    said: list[Said], node: node_types.Types, tmp_path: Path
) -> None:
    body = {name: value for name, value in refund(said)["body"].items() if name != "amount"}
    folder = written(tmp_path / "said", [*said[:20], {"kind": "object", "body": body}])
    lines, is_good = recordings.verdict(folder, tmp_path / "judged")
    assert not is_good
    assert lines[0] == "21 shapes said to and by Stripe, 1 wrong"
    assert lines[1].startswith("Stripe.Refund: ")
    assert "amount" in lines[1]


def test_a_run_that_said_nothing_passes(tmp_path: Path) -> None:
    assert recordings.verdict(tmp_path / "nowhere", tmp_path / "judged") == ([], True)


@pytest.mark.parametrize("is_ci", [True, False])
def test_without_node_only_ci_fails(
    said: list[Said],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_ci: bool,  # noqa: FBT001 - the two places
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CI", raising=False)
    if is_ci:
        monkeypatch.setenv("CI", "true")
    lines, is_good = recordings.verdict(written(tmp_path / "said", said[:3]), tmp_path / "judged")
    assert lines[0].startswith("not judged: Node is missing")
    assert is_good != is_ci


def test_a_half_written_line_of_a_killed_sandbox_is_no_word(said: list[Said], tmp_path: Path) -> None:
    folder = written(tmp_path / "said", said[:4])
    with (folder / "a.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"kind": "obj')
    assert len(literals.recorded(folder)) == 4


def test_a_strict_sandbox_does_not_say_what_stripe_never_does(said: list[Said], tmp_path: Path) -> None:
    wrong = refund(said)["body"] | {"colour": "red"}
    with pytest.raises(ContractBrokenError, match=r"Refund\.colour: unknown"):
        Witness(is_strict=True).answered(wrong)
    event = next(one["body"] for one in said if one["body"].get("type") == "refund.created")
    with pytest.raises(ContractBrokenError, match=r"Refund\.colour: unknown"):
        Witness(is_strict=True).happened(event | {"data": {"object": wrong}})
    with pytest.raises(ContractBrokenError, match="colour"):
        Witness(is_strict=True).answered({"error": {"type": "api_error", "colour": "red"}})
    Witness().answered(wrong)


def test_one_example_of_each_shape_is_kept(said: list[Said], tmp_path: Path) -> None:
    witness = Witness(folder=str(tmp_path))
    body = refund(said)["body"] | {"status": "succeeded"}
    for amount_minor in (1, 2):
        witness.answered(body | {"amount": amount_minor, "id": f"re_3Ab{amount_minor}"})
    witness.answered(body | {"status": "failed"})
    kept = [one["body"]["status"] for one in literals.recorded(tmp_path)]
    assert sorted(kept) == ["failed", "succeeded"]
