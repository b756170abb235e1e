"""Whether code is ready to run, as the interpreter's own prompt would decide (see codeop)."""

quiet = wire.use("quiet")
Scan = wire.use("scan").Scan

DONT_IMPLY_DEDENT = 0x200
ALLOW_INCOMPLETE_INPUT = 0x4000
ENDS_BLOCK = {"return", "raise", "pass", "break", "continue"}


def attempt(code, mode):
    """None, "incomplete" or "invalid"."""
    try:
        quiet.compile_quietly(code, mode, DONT_IMPLY_DEDENT | ALLOW_INCOMPLETE_INPUT)
    except SyntaxError as error:
        return "incomplete" if error.msg == "incomplete input" else "invalid"
    except (ValueError, OverflowError, MemoryError, RecursionError):
        return "invalid"
    return None


def last_statement(code):
    """The text from the last statement on when that is a compound one, else None."""
    tree = quiet.parse(code + "\n", "exec")
    if tree is None or not tree.body:
        return None
    last = tree.body[-1]
    if not hasattr(last, "body") and not hasattr(last, "cases"):
        return None
    first = min([last.lineno, *(each.lineno for each in getattr(last, "decorator_list", ()))])
    return "\n".join(code.split("\n")[first - 1 :])


def status(code):
    found = attempt(code + "\n", "exec")
    if found is not None:
        return found
    if Scan(code).joined:
        return "incomplete"
    # The prompt takes one statement at a time, and ends a block at a blank line only.
    last = last_statement(code)
    if last is not None and attempt(last, "single") == "incomplete":
        return "incomplete"
    return "complete"


def leading_space(line):
    return line[: len(line) - len(line.lstrip(" \t"))]


def line_at(code, index):
    return code[code.rfind("\n", 0, index) + 1 :].split("\n", 1)[0]


def step(code):
    """What one level of indent is in this code: four spaces unless it shows otherwise."""
    before = ""
    for line in code.split("\n"):
        space = leading_space(line)
        if before.endswith(":") and space and len(space) > len(leading_space(before)):
            return space[len(leading_space(before)) :]
        if line.strip():
            before = line.rstrip()
    return "    "


def indent(code):
    """What the next line begins with."""
    state = Scan(code)
    if state.kind == "string":
        return ""
    if state.brackets:
        return leading_space(line_at(code, state.brackets[-1])) + step(code)
    first = line_at(code, state.line)
    space = leading_space(first)
    if state.joined or (state.last >= 0 and code[state.last] == ":"):
        return space + step(code)
    words = first.split()
    if words and words[0].rstrip(";") in ENDS_BLOCK:
        return space.removesuffix(step(code))
    return space


def by_shell(code):
    found, space = wire.shell.check_complete(code)
    return found, space if found == "incomplete" else None


def is_complete(code):
    """(status, indent or None)"""
    code = code.replace("\r\n", "\n").replace("\r", "\n")
    found = status(code)
    if found == "invalid" and hasattr(wire, "shell"):  # lines of IPython's, perhaps
        return by_shell(code)
    return found, indent(code) if found == "incomplete" else None
