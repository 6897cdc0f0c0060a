"""A profile's trainings while they run: what their logs say, what is wrong with them, and the table of both."""
