pytest_plugins = ["servers.chromium", "servers.fixtures", "servers.prometheus", "system.fixtures"]
