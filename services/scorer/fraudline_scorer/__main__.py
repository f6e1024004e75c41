"""`python -m fraudline_scorer` runs the scorer."""

from fraudline.service.run import run
from fraudline.service.settings import ScorerSettings
from fraudline_scorer.app import main

if __name__ == "__main__":
    run("scorer", ScorerSettings, main)
