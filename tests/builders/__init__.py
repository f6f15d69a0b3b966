"""Builders shared by several test folders: files, folders and whole projects."""
