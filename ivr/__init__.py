"""The call side: everything that happens to a phone call that reaches 12320."""
