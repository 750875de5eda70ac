"""The walls between organizations, attacked: over HTTP, without our filters, with a wall torn down, through pools."""
