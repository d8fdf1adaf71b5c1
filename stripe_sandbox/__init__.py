"""A separate server that speaks the needed subset of Stripe's HTTP API, for the demo and for tests.

It is not Stripe and moves no money. It never imports the application and is never imported by it: the two
meet over HTTP only, so that the application runs the same code here as against Stripe. See README.md.
"""
