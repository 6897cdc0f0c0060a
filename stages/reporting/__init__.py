"""The rooms of the report.

load.py       the declared runs' files -> checked tables of steps and samples
published.py  published numbers of a profile's setting
tables.py     steps and samples -> scores, intervals and gains (pure)
figures.py    tables -> SVG
blocks.py     what a report is made of: texts, notices, tables, pictures
content.py    everything -> the report's sections, in reading order (pure)
training.py   the sections on training and schedules
scores.py     the sections on scores, ours and published
numbers.py    how numbers are printed
page.py       sections -> index.html
markdown.py   sections -> report.md
"""
