"""The texts that a model is given and those that it writes.

    prompts     what a problem is wrapped in before a model sees it
    boxed       the last boxed answer of a text
    code_blocks the fenced blocks of a reply
    latex       a problem with its LaTeX in one spelling, to find copies of it
    diversity   how different the samples for one problem are

All of it is pure functions and constants, so that training and evaluation share it.
"""
