"""Sees to a SyntaxError before anybody does: its text is what was sent, and where a line is of
another language it says what to write instead. Loaded at the first one."""

quiet = wire.load("quiet")

WHOLE = ("msg", "lineno", "offset", "text", "end_lineno", "end_offset")


def line_of(code, number, first_line):
    index = number - first_line if type(number) is int else -1
    lines = code.split("\n")
    return lines[index].rstrip("\r") if 0 <= index < len(lines) else None


def amend(error, code, filename, first_line, flags, is_file, compiled, margin):
    """`compiled`: the code without the margin that its lines share."""
    if type(error.filename) is not str or error.filename != filename:
        return  # of code that was compiled while this one was
    if is_file or margin:
        compile_again(error, compiled, first_line, flags, margin)
    line = line_of(code, error.lineno, first_line)
    if line is None:
        return
    if (error.text or "").rstrip("\n") != line:
        error.text = line + "\n"
    note = hint(line.strip())
    if note:
        error.__notes__ = [note]  # what add_note() does from 3.11 on


def compile_again(error, code, first_line, flags, margin):
    """The parser looks for a line in the file of that name, and counts its characters; and it has
    told some of the places with the margin and some without."""
    try:
        quiet["compile_quietly"]("\n" * (first_line - 1) + code, "exec", flags)
    except SyntaxError as found:
        if found.msg == error.msg and found.lineno == error.lineno:
            for name in WHOLE:
                if hasattr(found, name):
                    setattr(error, name, getattr(found, name))
            for name in ("offset", "end_offset"):
                if (getattr(error, name, None) or 0) > 0:
                    setattr(error, name, getattr(error, name) + margin)
    except Exception:
        pass


def shell(command):
    return f"import subprocess; subprocess.run({command!r}, shell=True)"


def hint(line):
    """What to write instead of a line that is none of Python's, or None."""
    if line.startswith((">>>", "... ")):
        return "The prompt in front of the code is no part of it: leave it out."
    if line.startswith(("%pip ", "!pip ", "%conda ", "!conda ", "pip install ")):
        words = line.lstrip("%!").split()
        module = "pip" if words[0] == "pip" else "conda"
        rest = ", ".join(repr(word) for word in words[1:])
        call = f"subprocess.run([sys.executable, '-m', '{module}', {rest}], check=True)"
        return f"Python has no {line.split()[0]}. Write: import subprocess, sys; {call}"
    if line.startswith(("!", "$ ")):
        command = line.lstrip("!$ ")
        return f"This is a line for a shell. Write: {shell(command)}"
    if line.startswith("%"):
        return "This is a magic of IPython's: start the session with --ipython, or write Python."
    if line.startswith("?") or line.endswith("?"):
        return f"Python has no ? for help. Write: help({line.strip('?').strip()})"
    return None
