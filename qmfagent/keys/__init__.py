"""Keys and certificates: made, and read for signing and verifying."""
