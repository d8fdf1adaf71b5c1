"""The long proof of the books: random lives of a whole business, every invariant checked after every step."""
