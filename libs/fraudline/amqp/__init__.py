"""RabbitMQ: topology, messages, publishing and consuming."""
