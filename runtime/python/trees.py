"""Changes to syntax trees of code before it is compiled. Loaded with the first that needs one."""


def shift(tree, margin):
    """Adds the margin, in bytes, to every column of the tree."""
    left = [tree]
    while left:
        node = left.pop()
        for name in ("col_offset", "end_col_offset"):
            if getattr(node, name, None) is not None:
                setattr(node, name, getattr(node, name) + margin)
        for name in node._fields:
            child = getattr(node, name, None)
            for each in child if type(child) is list else [child]:
                if hasattr(each, "_fields"):
                    left.append(each)


def segments(tree, expression_tree):
    """The statements as [(tree, line)]: expressions one by one, each with its line; what stands
    between them together, line 0."""
    found = []
    for statement in tree.body:
        if type(statement).__name__ == "Expr":
            found.append((expression_tree(statement.value), statement.lineno))
        elif found and not found[-1][1]:
            found[-1][0].body.append(statement)
        else:
            found.append((type(tree)([statement], []), 0))
    return found
