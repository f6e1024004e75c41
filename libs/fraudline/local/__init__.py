"""A RabbitMQ and a PostgreSQL of our own on this machine, for `fraudline up` and for the tests."""
