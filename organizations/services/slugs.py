"""Readable names of organizations in addresses."""

from uuid import UUID

from django.utils.text import slugify


def slug_for(name: str, organization_id: UUID) -> str:
    """Return a slug that no other organization can have: the name and the end of the id (its random part)."""
    return f"{slugify(name)[:60] or 'organization'}-{organization_id.hex[-10:]}"
