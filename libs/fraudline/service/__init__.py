"""What every service has: settings, logs, readiness, an admin port, an orderly end."""
