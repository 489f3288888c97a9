"""The message bus: AMQP 1.0 over asyncio. The only home of proton, and of pika.

    url, tls, credentials, ...   values: where to connect, with which certificates, how much to take, who a peer is
    wire, values                 a QMF message as AMQP 1.0 bytes, and back
    router                       which subscriptions a message goes to (pure)
    engine, links, outlet        one connection: bytes, links, outbound messages
    listener, peer               the agent's own AMQP 1.0 node, for consoles and other agents
    dialects                     how brokers name what QMF calls an exchange and a key (pure)
    amqp091                      what RabbitMQ can do over AMQP 0-9-1 alone
    client, connector, uplink    a connection that keeps itself up, one attempt at it, one that has succeeded
    broker, event_queue          the agent at a broker
    session, requests, audience  a QMF console over such a connection
    event_stream, data_stream    what a session is told, for readers at their own pace

Everything runs in one asyncio event loop; nothing here starts a thread, and no callback may block.
"""
