"""What the page `/status` shows: the services' own metrics, collected here, drawn as SVG; no other server needed."""
