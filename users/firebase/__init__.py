"""Firebase at its edge: `sdk` alone imports the Admin SDK, `claims` reads what it has verified."""
