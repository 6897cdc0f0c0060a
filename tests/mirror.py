"""Tests of the real files of the data sets: marked `mirror`, and skipped where MIRROR names no folder that holds them."""

import os

import pytest

MIRROR = os.environ.get("MIRROR")


def with_mirror(test):
    """Decorates a test that reads the real files."""
    skip = pytest.mark.skipif(not MIRROR, reason="no mirror of the pinned files: set MIRROR to its folder")
    return pytest.mark.mirror(skip(test))
