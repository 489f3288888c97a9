"""What depends on a ticket: the closure, and what is new in it."""
