"""numpy, pandas and torch objects by shape and dtype: only what is stored beside the data is read,
and nothing is imported."""

safe = wire.use("safe")


def read(value, name, owners):
    """An attribute that a type made in C stores; None when there is none."""
    found = safe.in_classes(type(value), name)
    if id(type(found)) not in safe.STORED:
        return None
    owner = found.__objclass__
    if not safe.is_static(owner) or (safe.module_of(owner) or "").split(".")[0] not in owners:
        return None
    try:
        return type(found).__get__(found, value, type(value))
    except Exception:
        return None


def base_named(value, name):
    return any(safe.full_name(cls) == name for cls in safe.mro(type(value)))


def ndarray_class(value):
    """numpy's own array type, for its instances and those of its subclasses; else None."""
    for cls in safe.mro(type(value)):
        if safe.is_static(cls) and safe.full_name(cls) == "numpy.ndarray":
            return cls
    return None


def is_ndarray(value):
    return ndarray_class(value) is not None


def of_array(value, name):
    """What numpy's own type stores under that name, whatever a subclass says of it."""
    return safe.class_dict(ndarray_class(value))[name].__get__(value)


def dtype_text(dtype):
    kind = read(dtype, "type", ("numpy",))
    if kind is None or not safe.is_class(kind):
        return None
    name = safe.qualname(kind).rstrip("_")
    if name in ("str", "bytes", "datetime64", "timedelta64"):
        code = read(dtype, "str", ("numpy",))
        if type(code) is not str:
            return name
        return name + code[code.find("[") :] if name.endswith("64") and "[" in code else code
    return name


class Shape:
    __slots__ = ("shape", "dtype", "bytes")

    def __init__(self, shape, dtype=None, size=None):
        self.shape = shape
        self.dtype = dtype
        self.bytes = size


def of_ndarray(value):
    return Shape(of_array(value, "shape"), dtype_text(of_array(value, "dtype")))


def own(value, name):
    space = safe.instance_dict(value)
    return dict.get(space, name) if space is not None else None


def either(value, name):
    found = own(value, name)
    return read(value, name, ("pandas",)) if found is None else found


def index_length(index):
    known = own(index, "_range")
    if type(known) is range:
        return len(known)
    codes = own(index, "_codes")
    data = own(index, "_data") if codes is None else first_of(codes)
    if data is not None and not is_ndarray(data):
        data = either(data, "_ndarray")
    shape = of_ndarray(data) if data is not None and is_ndarray(data) else None
    return shape.shape[0] if shape is not None and shape.shape else None


def first_of(frozen):
    """The first item of a FrozenList."""
    if safe.is_subclass(list, type(frozen)):
        return list.__getitem__(frozen, 0)
    items = own(frozen, "_data")
    return items[0] if type(items) is tuple or type(items) is list else None


def blocks_of(manager):
    blocks = either(manager, "blocks")
    return [either(block, "values") for block in blocks] if type(blocks) is tuple else []


def axes_of(value):
    manager = own(value, "_mgr")
    axes = either(manager, "axes")
    return manager, axes if type(axes) is list else []


def of_pandas(value):
    manager, axes = axes_of(value)
    lengths = [index_length(axis) for axis in reversed(axes)]
    if not lengths or None in lengths:
        return None
    values = blocks_of(manager)
    dtype = None
    if len(lengths) == 1 and len(values) == 1 and is_ndarray(values[0]):
        dtype = of_ndarray(values[0]).dtype
    sizes = [of_array(each, "nbytes") if is_ndarray(each) else None for each in values]
    return Shape(tuple(lengths), dtype, None if None in sizes else sum(sizes))


def of_torch(value):
    # Of these very types: a subclass may have its say in what its shape is.
    if safe.full_name(type(value)) not in ("torch.Tensor", "torch.nn.parameter.Parameter"):
        return None
    found = [safe.in_classes(type(value), name) for name in ("shape", "dtype")]
    if any(type(each) is not safe.GetSet for each in found):
        return None
    shape, dtype = (each.__get__(value) for each in found)
    if not safe.is_subclass(tuple, type(shape)):
        return None
    return Shape(tuple(tuple.__iter__(shape)), repr(dtype).removeprefix("torch."))


def shape_of(value):
    """A Shape, or None for whatever has none that is known."""
    if (safe.module_of(type(value)) or "").split(".")[0] in ("builtins", "__main__") and (
        safe.is_static(type(value))
    ):
        return None
    try:
        if is_ndarray(value):
            return of_ndarray(value)
        if base_named(value, "pandas.core.generic.NDFrame"):
            return of_pandas(value)
        if base_named(value, "pandas.core.indexes.base.Index"):
            length = index_length(value)
            return None if length is None else Shape((length,))
        return of_torch(value)
    except (AttributeError, TypeError, ValueError, IndexError):
        return None


PLAIN = safe.ids(bool, int, float, complex, str)


def scalar(value):
    """A number of numpy's as Python's own, or None."""
    kind = type(value)
    if not safe.is_static(kind) or (safe.module_of(kind) or "") != "numpy":
        return None
    if not base_named(value, "numpy.generic"):
        return None
    item = safe.in_classes(kind, "item")
    plain = item(value) if type(item) is safe.MethodDescriptor else None
    return plain if id(type(plain)) in PLAIN else None


def shape_text(value):
    number = scalar(value)
    if number is not None:
        return f"{safe.full_name(type(value))}({number!r})"[:200]
    known = shape_of(value)
    if known is None:
        return None
    text = f"<{safe.full_name(type(value))} {known.shape}"
    return text + (f" {known.dtype}>" if known.dtype else ">")


def labels(value, most):
    """What may stand between the brackets: columns, fields; only plain ones."""
    if is_ndarray(value):
        names = read(of_array(value, "dtype"), "names", ("numpy",))
        return [*names[:most]] if type(names) is tuple else []
    if not base_named(value, "pandas.core.generic.NDFrame"):
        return []
    _, axes = axes_of(value)
    data = own(axes[0], "_data") if axes else None
    if data is None or safe.full_name(type(data)) != "numpy.ndarray":
        return []
    plain = type(data).tolist(data[:most])
    return [each for each in plain if type(each) is str or type(each) is int]
