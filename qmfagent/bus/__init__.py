"""The message bus: AMQP 1.0 over asyncio. The only home of proton, and of pika.

    url, router    where to connect; which subscriptions a message goes to (pure)
    connection     one AMQP 1.0 connection: bytes, links, what waits to be sent
    messages       a QMF or management message as AMQP 1.0 bytes, and back
    security       TLS and SASL: who is at the other end, and who we are there
    limits         how much a peer may take, and what is refused
    listener       the agent's own AMQP 1.0 node, for consoles and other agents
    client         a connection that keeps itself up, one attempt at it, one that has succeeded
    console        a QMF console on such a connection, and what it is told, for readers at their own pace
    broker         the agent at a broker
    dialects       how brokers name what QMF calls an exchange and a key (pure)
    amqp091        what RabbitMQ can do over AMQP 0-9-1 alone

Everything runs in one asyncio event loop; nothing here starts a thread, and no callback may block.
"""
