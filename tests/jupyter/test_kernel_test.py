"""jupyter_kernel_test: all of it."""

from __future__ import annotations

import jupyter_kernel_test

RICH = "class Rich:\n    def _repr_html_(self): return '<b>x</b>'\ndisplay(Rich())"


class ReplwireTest(jupyter_kernel_test.KernelTests):
    kernel_name = "replwire-test"
    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('test', file=sys.stderr)"
    completion_samples = [{"text": "zi", "matches": {"zip"}}, {"text": "impo", "matches": {"import"}}]
    complete_code_samples = ["1", "print('hello, world')", "def f(x):\n  return x*2\n\n"]
    incomplete_code_samples = ["print('''hello", "def f(x):\n  x*2"]
    invalid_code_samples = ["import = 7q"]
    code_page_something = "zip?"
    code_generate_error = "raise ValueError('x')"
    code_execute_result = [{"code": "1+2+3", "result": "6"}, {"code": "'a'", "result": "'a'"}]
    code_display_data = [{"code": RICH, "mime": "text/html"}]
    code_history_pattern = "1?2*"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "zip"
    code_clear_output = "clear_output()"
