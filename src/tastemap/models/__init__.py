"""Fitted models: arrays and pure functions of them, NumPy only."""
