"""The journal: a site's durable, hash-chained record of what happened. It knows no bus, no cluster and no replication."""
