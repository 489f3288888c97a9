"""Policy: who may do what. Pure decisions on what the bus vouches for."""
