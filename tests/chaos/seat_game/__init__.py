"""The seats played by chance against the real services, stores and processes (start reading at game.py)."""
