"""qmfagent: replicates what depends on a Pacemaker ticket between the sites of a geo cluster, over AMQP."""
