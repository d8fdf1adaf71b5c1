"""The demo: a believable business, a mail catcher with its page, and one launcher for all of it."""
