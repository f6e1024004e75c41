"""HTTP: servers, problems, API keys."""
