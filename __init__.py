"""Ratebook."""
