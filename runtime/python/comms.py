"""The session's end of Jupyter's comms, for the package `comm`: loaded when user code imports that, or
when the client sends a message."""

import sys

KINDS = ("comm_open", "comm_msg", "comm_close")  # as CommKind counts them


def provide(module):
    """Has comms that are made from here on talk to the client."""
    base = module.base_comm.BaseComm

    class Comm(base):
        def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
            send(msg_type, self.comm_id, keys.get("target_name", ""), data, metadata, buffers)

        def handle_msg(self, msg):
            """Handle a comm_msg message"""
            if running_shell() is not None:  # its hooks are to be called as well
                base.handle_msg(self, msg)
            elif self._msg_callback:
                self._msg_callback(msg)

    def create_comm(*args, **kwargs):
        """Create a comm whose other end the client has."""
        return Comm(*args, **kwargs)

    module.create_comm = create_comm


def running_shell():
    find = getattr(dict.get(sys.modules, "IPython"), "get_ipython", None)
    return find() if find is not None else None


# ---- to the client -----------------------------------------------------------------------------


def send(kind, comm_id, target_name, data, metadata, buffers):
    wire.comm_send(
        KINDS.index(kind),
        str(comm_id),
        str(target_name),
        encoded({} if data is None else data),
        encoded(metadata or {}),
        [bytes(memoryview(each)) for each in buffers or ()],
    )


def encoded(value):
    try:
        return wire.encode(value, True)[0]
    except TypeError:
        return wire.encode(cleaned(value), True)[0]


def cleaned(value):
    """With numbers of libraries, dates and sequences of any kind, as Jupyter's kernels take them."""
    if value is None or isinstance(value, (str, int, float, bytes, bytearray, memoryview)):
        return value
    if isinstance(value, dict):
        return {key: cleaned(each) for key, each in value.items()}
    for name, make in CONVERSIONS:
        if hasattr(type(value), name):
            return make(value)
    return value


CONVERSIONS = (
    ("__index__", int),
    ("__float__", float),
    ("isoformat", lambda value: value.isoformat()),
    ("__iter__", lambda value: [cleaned(each) for each in value]),
)


# ---- from the client ---------------------------------------------------------------------------


def deliver(kind, comm_id, target_name, data, metadata, buffers):
    find = getattr(dict.get(sys.modules, "comm"), "get_comm_manager", None)
    manager = find() if find is not None else None
    if manager is None:  # nobody can have registered a target
        if KINDS[kind] == "comm_open":
            send("comm_close", comm_id, "", {}, {}, [])
        return
    content = {"comm_id": comm_id, "data": data}
    if KINDS[kind] == "comm_open":
        content["target_name"] = target_name
    message = {
        "header": {"msg_type": KINDS[kind]},
        "parent_header": {},
        "metadata": metadata,
        "content": content,
        "buffers": [memoryview(each) for each in buffers],
    }
    getattr(manager, KINDS[kind])(None, None, message)
