"""In place of `warnings` for the modules of the standard library that bundled code has to itself:
the real one would sort the filters of user code anew."""


def warn(*args, **options):
    pass


warn_explicit = simplefilter = filterwarnings = resetwarnings = _deprecated = warn


class catch_warnings:
    def __init__(self, **options):
        pass

    def __enter__(self):
        return None

    def __exit__(self, *exception):
        return None


def deprecated(message, **options):
    return lambda made: made
