"""TLS and SASL: who is at the other end, and who we are there."""
