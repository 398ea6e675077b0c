"""How names are written with any model that predicts the next character."""
