"""How a model is evaluated.

record       a protocol, and those of data/protocols
effective    a protocol in which nothing is unknown
differences  what tells two of them apart, field by field
"""
