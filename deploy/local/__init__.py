"""The embedded stack of `./dev run`: PostgreSQL, Redis and stand-ins for vendors, as children of one launcher."""
