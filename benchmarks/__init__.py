"""Reproducible figures: what this package costs, compared with its limits and with other libraries."""
