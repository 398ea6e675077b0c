"""Training of networks with torch and skorch, imported only when a network is trained."""
