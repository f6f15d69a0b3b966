"""The pipeline: a file or a folder per stage.

A stage reads files and writes files; none imports another.
"""
