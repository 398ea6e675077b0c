"""Web pages that generate names without Python."""
