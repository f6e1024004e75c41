"""Model bundles: what they hold, how they are trained, loaded and checked."""
