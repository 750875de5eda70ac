"""A stand-in for Stripe's API on loopback: strict about what it accepts, honest about the shapes it emits."""
