"""What people see: pages rendered from plain data, and the few static files that they lean on."""
