"""What the agent is asked to do: method calls, from the decision to the answer and the line of audit."""
