"""'Did you mean' for Pythons whose traceback module does not say it (before 3.12), where only the
interpreter's own C code does. Same candidates and the same measure as there."""

MOST_CANDIDATES = 750
LONGEST = 40
MOVE = 2
CASE = 1


def substitution(a, b):
    if a == b:
        return 0
    return CASE if a.lower() == b.lower() else MOVE


def distance(a, b):
    row = [i * MOVE for i in range(len(a) + 1)]
    for y, right in enumerate(b):
        last, row[0] = row[0], (y + 1) * MOVE
        for x, left in enumerate(a):
            best = min(last + substitution(left, right), row[x] + MOVE, row[x + 1] + MOVE)
            last, row[x + 1] = row[x + 1], best
    return row[len(a)]


def closest(name, candidates):
    candidates = [each for each in candidates if isinstance(each, str) and each != name]
    if len(name) > LONGEST or len(candidates) > MOST_CANDIDATES:
        return None
    best, best_distance = None, None
    for candidate in candidates:
        limit = (len(name) + len(candidate) + 3) * MOVE // 6
        if best_distance is not None:
            limit = min(limit, best_distance - 1)
        if abs(len(name) - len(candidate)) * MOVE > limit:
            continue
        found = distance(name, candidate)
        if found <= limit:
            best, best_distance = candidate, found
    return best


def candidates(exception, traceback):
    if isinstance(exception, AttributeError):
        return dir(exception.obj)
    if isinstance(exception, NameError) and traceback is not None:
        while traceback.tb_next is not None:
            traceback = traceback.tb_next
        frame = traceback.tb_frame
        return [*frame.f_locals, *frame.f_globals, *wire.builtins]
    return []


def suggestion(exception):
    """The end of the message, or an empty string."""
    name = getattr(exception, "name", None)
    if not isinstance(name, str):
        return ""
    try:
        found = closest(name, candidates(exception, exception.__traceback__))
    except Exception:
        return ""
    return "" if found is None else f". Did you mean: '{found}'?"
