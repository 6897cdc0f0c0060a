"""Results and tables -> the report's sections, each a list of blocks. Pure."""
