"""In place of `_colorize` for the traceback module that bundled code has to itself: no colours, and nothing of what that one
imports (from 3.14 on dataclasses and inspect)."""


class Plain:
    """Whatever is asked for is no escape sequence."""

    def __getattr__(self, name):
        return ""


class Theme:
    traceback = Plain()


ANSIColors = Plain()


def get_theme(**options):
    return Theme


def can_colorize(**options):
    return False
