"""Models: bundles and scoring, and by folder how they are trained, reported on and evaluated, and on what files."""
