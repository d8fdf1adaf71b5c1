"""The tests: one behaviour, one sentence, on a real database."""

from pathlib import Path

import pytest

# A shared helper's assert says what it saw, too.
pytest.register_assert_rewrite(*(f"{__name__}.{path.stem}" for path in Path(__file__).parent.iterdir()))
