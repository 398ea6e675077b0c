"""How networks learn, with torch and skorch: imported where something is to be trained."""
