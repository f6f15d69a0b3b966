"""What tests of several rooms build: files, folders and whole projects."""
