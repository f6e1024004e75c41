"""From a history to a bundle: split, growing, calibration, thresholds, and figures on days not learned from."""
