"""The proof that the product does what it promises, laid out as the code is."""
