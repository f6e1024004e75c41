"""A partition's state: the kernel fed by the log, the model beside it; the same for scorer, standby and audit."""
