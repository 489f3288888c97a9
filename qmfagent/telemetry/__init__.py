"""What watches the agent itself: metrics, liveness and readiness, over HTTP where `[http]` is configured.

Rules of this room: nothing here decides anything, and nothing else stands on it but the composition. prometheus-client is an
optional part: monitor.py imports what takes it where `[http]` is configured.
"""
