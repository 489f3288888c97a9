"""One AMQP 1.0 connection: proton's engine on asyncio, its links, what waits to be sent."""
