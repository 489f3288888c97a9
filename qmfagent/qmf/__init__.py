"""QMF v2 as a protocol, sans-I/O: messages in, messages and events out. Knows neither AMQP's transport nor the CIB."""
