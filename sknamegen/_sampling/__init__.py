"""Sample names from any model that predicts the next character."""
