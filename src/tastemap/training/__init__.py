"""Recipes and the methods that turn ratings into models."""
