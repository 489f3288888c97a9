"""The resource agents: publisher, subscriber and replicator, which run this site's agent as a resource of Pacemaker.

Rules of the room: an action is a process that is run every few seconds, so this stands on the standard library, and imports of
qmfagent the errors alone; the daemon is what it is without Pacemaker, `qmfagent run`, and knows nothing of this room. What the
three agents share is here, the three files without a suffix say only which one they are. Every action is bounded by its
timeout.
Source: OCF resource agent API 1.1 (github.com/ClusterLabs/OCF-spec).
"""
