"""Published numbers: reading and checking `data/published/`.

schema.py     a row, a paper, and the loader
averages.py   printed averages against the columns they are of
"""
