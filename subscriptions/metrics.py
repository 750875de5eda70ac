"""Numbers about billing for Prometheus."""

from prometheus_client import Counter, Gauge

drift = Gauge(
    "coditect_billing_drift",
    "Subscriptions that differed from Stripe's when they were last compared.",
    multiprocess_mode="mostrecent",
)
missed_events = Counter("coditect_billing_missed_events", "Events that Stripe had and we had not been told of.")
