"""The holder's part: what is published, signed, and taken by others."""
