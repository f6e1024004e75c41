"""`python -m fraudline_scorer.explainer` runs the explainer."""

from fraudline.service.run import run
from fraudline.service.settings import ExplainerSettings
from fraudline_scorer.explainer.app import main

if __name__ == "__main__":
    run("explainer", ExplainerSettings, main)
