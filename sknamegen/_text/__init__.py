"""Text: code points, Unicode properties, grapheme clusters, words, and the alphabet of a model."""
