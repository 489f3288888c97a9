"""qmfagent: replicates what depends on a Pacemaker ticket between the sites of a geo cluster, over AMQP."""

__version__ = "0.2.0"
"""The product's version, which packages are made by and agents tell each other (qmfagent.policy.versions)."""
