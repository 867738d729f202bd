"""Builds the theorems about isolation and checks that nothing is taken for granted."""
