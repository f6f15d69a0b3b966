"""Differences between files, joined with their causes."""
