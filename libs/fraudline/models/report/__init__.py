"""What people read of a model: plots, the report of a training, the comparison of verdict files, the model card."""
