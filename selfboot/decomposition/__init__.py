"""How much of a lift is form, and how much is skill."""
