"""Reads code as far as it has been written: what is open at its end. It need not be valid."""

SPECIAL = frozenset("\"'#()[]{}\\;")
CLOSING = {")": "(", "]": "[", "}": "{"}
PREFIXES = frozenset("rRbBuUfFtT")


class Scan:
    """`brackets` are the open ones as indices, `statement` is where the statement at the end
    begins, `line` where the newest logical line with anything on it does, and `last` the index of
    the last character that is neither space nor comment, -1 when there is none."""

    def __init__(self, text):
        self.text = text
        self.kind = "code"  # at the end; or "string", "comment"
        self.prefix = self.quote = ""
        self.token = self.content = 0  # of an open string
        self.brackets = []
        self.pairs = {}  # index of the last character of a string or bracket -> of its first
        self.lines = []  # where the logical lines with anything on them begin
        self.statement = 0
        self.line = 0
        self.last = -1
        self.joined = False  # the end is a backslash that continues the line
        self.fresh = 0  # begin of a logical line with nothing on it yet
        at = 0
        while at < len(text):
            at = self.read_line(at)

    def significant(self, index):
        if self.fresh is not None:
            self.line, self.fresh = self.fresh, None
            self.lines.append(self.line)
        self.last = index

    def end_line(self, at):
        """`at` is just behind a newline."""
        if not self.brackets:
            self.fresh = self.statement = at
        return at

    def read_line(self, at):
        """Reads one line, or a string to its end; returns where it stopped."""
        text = self.text
        end = text.find("\n", at)
        stop = len(text) if end < 0 else end
        line = text[at:stop]
        if SPECIAL.isdisjoint(line):
            used = len(line.rstrip())
            if used:
                self.significant(at + used - 1)
            return stop if end < 0 else self.end_line(stop + 1)
        while at < stop:
            character = text[at]
            if character in "\"'":
                at = self.read_string(at)
                if at > stop:
                    return at
                continue
            if character == "#":
                self.kind = "comment" if end < 0 else "code"
                break
            if character == "\\" and at + 1 >= stop:
                self.significant(at)
                self.joined = at + 2 >= len(text)
                return stop + 1
            if not character.isspace():
                self.read_mark(character, at)
            at += 1
        return stop if end < 0 else self.end_line(stop + 1)

    def read_mark(self, character, at):
        self.significant(at)
        if character in "([{":
            self.brackets.append(at)
        elif character in CLOSING:
            if self.brackets and self.text[self.brackets[-1]] == CLOSING[character]:
                self.pairs[at] = self.brackets.pop()
        elif character == ";" and not self.brackets:
            self.statement = at + 1

    def read_string(self, at):
        """Returns where the string ends. An open one ends with the text, or, when it cannot go
        on there, with its line."""
        text = self.text
        start = at
        while start > 0 and text[start - 1] in PREFIXES and at - start < 2:
            start -= 1
        if start > 0 and (text[start - 1].isalnum() or text[start - 1] == "_"):
            start = at
        quote = text[at] * 3 if text.startswith(text[at] * 3, at) else text[at]
        self.significant(at)
        end = content = at + len(quote)
        while True:
            if end >= len(text):
                self.kind, self.quote, self.prefix = "string", quote, text[start:at]
                self.token, self.content = start, content
                return len(text)
            if text[end] == "\\":
                end += 2
            elif text.startswith(quote, end):
                end += len(quote)
                break
            elif text[end] == "\n" and len(quote) == 1:
                return end
            else:
                end += 1
        self.significant(end - 1)
        self.pairs[end - 1] = start
        return end
