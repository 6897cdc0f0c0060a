"""Published numbers: reading, checking and printing `data/published/`. `python -m stages.published` prints them.

schema.py     a row, a paper, and the loader that checks them
averages.py   printed averages against the columns that they are of
table.py      all numbers as one table; what a profile may name of it; filters and text
"""
