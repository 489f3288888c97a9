"""Messages as AMQP 1.0 bytes, and back."""
