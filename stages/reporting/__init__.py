"""The rooms of the report, in the order in which results go through them.

plan.py, grades.py, load.py    the declared runs' files -> checked settings, steps and verdicts
estimates.py                   a score with its interval (pure)
gains.py, tables.py            steps and verdicts -> averages, gains, scores, counts, prices (pure)
published.py                   our scores handed to stages.verdicts
palette.py, charts.py          colours; the three kinds of panel
datasets.py, figures.py        tables -> what figures draw -> figures, for the page and as SVG
numbers.py, blocks.py          how numbers are printed; what a report is made of
content.py                     everything -> the report's sections, in reading order (pure):
                               trust.py with notices.py, training.py, scores.py, verdicts.py, price.py
elements.py, page.py, assets/  sections -> index.html
browse.py, hours.py            side files that the page loads on demand
markdown.py, latex.py          sections -> report.md, tables/*.tex
metrics.py                     what DVC compares between commits
compare.py                     two reports side by side
"""
