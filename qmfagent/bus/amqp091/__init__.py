"""AMQP 0-9-1 to RabbitMQ, for what its AMQP 1.0 can't do. The only home of pika.

channel     one connection: declares queues with their bindings, and consumes an agent's own
delivery    a message as it arrives there, as the message of AMQP 1.0 that it was
"""
