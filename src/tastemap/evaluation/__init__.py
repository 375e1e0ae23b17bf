"""Measuring models on ratings they have not seen."""
