"""Figures that anyone can get again: what this package costs, beside its limits and beside others."""
