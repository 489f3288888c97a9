"""The agent's own AMQP 1.0 node, for consoles and other agents."""
