"""The benchmark: what the product costs, beside the least it could cost, on data anyone can make again."""
