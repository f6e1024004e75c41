"""What an event, a verdict and a label are: no I/O, no clock, no framework but pydantic."""
