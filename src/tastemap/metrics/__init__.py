"""Formulas of measures, arrays in and numbers out: of ratings, and of lists."""
