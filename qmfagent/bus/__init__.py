"""The message bus: AMQP 1.0 over asyncio. The only home of proton.

    url, tls, limits, identity   values: where to connect, with which certificates, how much to take, who a peer is
    wire                         a QMF message as AMQP 1.0 bytes, and back
    router                       which subscriptions a message goes to (pure)
    engine, events, outlet       one connection: bytes, events, outbound links
    listener, peer               the agent's own AMQP 1.0 node, for consoles and other agents
    client, uplink               a connection that keeps itself up
    session                      a QMF console over such a connection

Everything runs in one asyncio event loop; nothing here starts a thread, and no callback may block.
"""
