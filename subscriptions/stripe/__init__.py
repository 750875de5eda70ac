"""The only place that knows Stripe: its SDK, its field names and its signatures."""
