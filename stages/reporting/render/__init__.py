"""Sections -> a page, Markdown and LaTeX."""
