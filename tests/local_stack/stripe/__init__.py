"""Tests of the Stripe stand-in: the real SDK against a real process, its webhooks caught by a real receiver."""
