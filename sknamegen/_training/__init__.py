"""Network training with torch and skorch."""
