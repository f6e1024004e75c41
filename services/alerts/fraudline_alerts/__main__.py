"""`python -m fraudline_alerts`."""

from fraudline.service.run import run
from fraudline.service.settings import AlertsSettings
from fraudline_alerts.app import main

if __name__ == "__main__":
    run("alerts", AlertsSettings, main)
