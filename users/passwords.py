"""The password rules that Django does not ship."""

import re
from typing import Any

from django.core.exceptions import ValidationError

SHORTEST, LONGEST = 8, 128
"""In characters. The upper bound keeps hashing a long body from being a way to keep us busy."""


class LengthValidator:
    """Accepts 8 to 128 characters."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ValidationError for another length."""
        if not SHORTEST <= len(password) <= LONGEST:
            raise ValidationError(self.get_help_text(), code="password_length")

    def get_help_text(self) -> str:
        """Return the rule as a sentence."""
        return f"The password must have {SHORTEST} to {LONGEST} characters."


class CharacterClassesValidator:
    """Wants an upper-case letter, a lower-case letter and a digit."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ValidationError when one is missing."""
        if not all(re.search(pattern, password) for pattern in ("[A-Z]", "[a-z]", "[0-9]")):
            raise ValidationError(self.get_help_text(), code="password_classes")

    def get_help_text(self) -> str:
        """Return the rule as a sentence."""
        return "The password must have an upper-case letter, a lower-case letter and a digit."
