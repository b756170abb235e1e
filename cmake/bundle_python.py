"""Turns runtime/python/*.py into a C++ file: each module's source and, for the Python that runs
this, its bytecode, since compiling at every start would cost milliseconds.

usage: bundle_python.py OUTPUT SOURCE...
"""

import importlib.util
import marshal
import pathlib
import sys


def c_array(name, data):
    rows = [", ".join(str(byte) for byte in data[i : i + 32]) for i in range(0, len(data), 32)]
    return f"const unsigned char {name}[] = {{\n" + ",\n".join(rows) + "};\n"


def main(output, *sources):
    parts = ['#include "runtime/bundle.h"\n\nnamespace replwire::runtime {\nnamespace {\n']
    rows = []
    for path in map(pathlib.Path, sources):
        source = path.read_bytes()
        code = compile(source, f"<replwire {path.stem}>", "exec", dont_inherit=True, optimize=0)
        parts.append(c_array(f"{path.stem}_source", source))
        parts.append(c_array(f"{path.stem}_bytecode", marshal.dumps(code)))
        rows.append(
            f'    {{"{path.stem}", {{{path.stem}_source, sizeof {path.stem}_source}}, '
            f"{{{path.stem}_bytecode, sizeof {path.stem}_bytecode}}}},\n"
        )
    magic = int.from_bytes(importlib.util.MAGIC_NUMBER, "little")
    parts.append("const BundledModule kModules[] = {\n" + "".join(rows) + "};\n}\n\n")
    parts.append("std::span<const BundledModule> bundled_modules() { return kModules; }\n")
    parts.append(f"long bundled_magic() {{ return {magic}L; }}\n\n}}\n")
    pathlib.Path(output).write_text("".join(parts))


main(*sys.argv[1:])
