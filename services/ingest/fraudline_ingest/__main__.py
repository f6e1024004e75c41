"""`python -m fraudline_ingest`."""

from fraudline.service.run import run
from fraudline.service.settings import IngestSettings
from fraudline_ingest.app import main

if __name__ == "__main__":
    run("ingest", IngestSettings, main)
