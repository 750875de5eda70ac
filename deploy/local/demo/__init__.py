"""`./dev demo`: the product's main journey, played over HTTP and shown step by step."""
