"""The pickler and the unpickler in C. They share `copyreg` with user code, whose registrations count, so
that they have to be imported where that is found too; and they import what they come to as the code
does that calls them, which therefore is code of the user's kind."""

from _pickle import Pickler, Unpickler  # noqa: F401  # for whoever uses this module

CALLS = """
def dump(pickler, value): pickler.put(value)
def load(unpickler): return unpickler.load()
"""
space = {"__builtins__": wire.builtins}
exec(compile(CALLS, "<replwire pickles>", "exec"), space)
dump, load = space["dump"], space["load"]
