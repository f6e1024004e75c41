pytest_plugins = ["servers.fixtures", "system.fixtures"]
