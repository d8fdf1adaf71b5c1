"""The tests: one behaviour, one sentence, on a real database."""
