"""What every stage uses: files, its command line, supervised processes, validation errors in one line, tables as
text, YAML, what `dvc repro` is going to run, the bar.
"""
