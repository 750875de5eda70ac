"""What Stripe may say to a request of ours that repeating it does not change; never told to a caller as it is."""


class NotAtStripe(Exception):
    """Stripe knows no object of this id."""


class RefusedByStripe(Exception):
    """Stripe will not do this: a mistake of ours, or a state that does not allow it. Seen by people, not retried."""
