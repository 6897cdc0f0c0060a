"""The declared runs' files, read and checked."""
