"""Sampling of names from any model that predicts the next character."""
