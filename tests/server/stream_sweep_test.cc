// The standard streams take and refuse what those of any Python do: each call is made on a stream
// of the session's and, in a python3 beside it, on one of CPython's.
#include <gtest/gtest.h>

#include "support/survival.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

constexpr const char* kSweep = R"PY(
import json, subprocess, sys

OUT = '''
write(5) | write(None) | write(b'x') | write() | write('', '') | write(text='') | writelines(5) | writelines(['', 5]) | writelines([])
writelines(None) | read() | read(1) | readline() | readlines() | readable() | writable() | seekable() | seek(0) | seek(0, 2) | seek('x')
tell() | truncate() | truncate('x') | fileno() | isatty() | flush() | flush(1) | closed | encoding | newlines | name | mode | line_buffering
reconfigure() | reconfigure(5) | reconfigure(encoding='nothing like it') | reconfigure(encoding=5) | reconfigure(errors=5) | reconfigure(newline=5)
reconfigure(line_buffering='x') | reconfigure(line_buffering=object) | reconfigure(write_through=True) | reconfigure(unknown=1)
reconfigure(newline='x') | reconfigure(encoding='utf-8', errors='strict')
__next__() | __enter__(1) | __iter__().closed | __exit__() | close(1) | detach(1) | nothing | __len__()
buffer.write(5) | buffer.write(None) | buffer.write('x') | buffer.write() | buffer.write(b'', b'') | buffer.write(bytearray()) | buffer.write(memoryview(b''))
buffer.write([]) | buffer.write(object()) | buffer.writelines([b'']) | buffer.writelines(['']) | buffer.writelines(5) | buffer.read() | buffer.read(1)
buffer.readline() | buffer.readinto(bytearray(1)) | buffer.peek() | buffer.seek(0) | buffer.seek('x') | buffer.tell() | buffer.truncate('x')
buffer.fileno() | buffer.isatty() | buffer.flush() | buffer.flush(1) | buffer.closed | buffer.name | buffer.mode | buffer.readable() | buffer.writable()
buffer.seekable() | buffer.detach(1) | buffer.close(1) | buffer.nothing
buffer.raw.write(5) | buffer.raw.write('x') | buffer.raw.write(b'') | buffer.raw.fileno() | buffer.raw.closed | buffer.raw.mode | buffer.raw.name
close(); s.write('') | close(); s.write(5) | close(); s.flush() | close(); s.close() | close(); s.fileno() | close(); s.isatty() | close(); s.closed
close(); s.writelines(['']) | close(); s.writelines([]) | close(); s.reconfigure() | close(); s.detach().closed | close(); s.__enter__() | close(); s.writable()
close(); s.buffer.closed | close(); s.buffer.write(b'') | close(); s.buffer.flush() | close(); s.buffer.fileno() | close(); s.read() | close(); s.seek(0)
buffer.close(); s.write('') | buffer.close(); s.flush() | buffer.close(); s.closed | buffer.close(); s.close()
detach().closed | detach(); s.write('') | detach(); s.flush() | detach(); s.closed | detach(); s.detach() | detach(); s.fileno() | detach(); s.close()
detach(); s.reconfigure() | detach(); s.buffer | detach(); s.name | detach(); s.encoding | detach(); s.writelines(['']) | detach(); s.isatty()
detach().write(b'') | detach().write(5) | detach().detach().write(b'') | detach().fileno()
buffer.detach().closed | buffer.detach(); s.buffer.write(b'') | buffer.detach(); s.buffer.flush() | buffer.detach(); s.buffer.closed
'''
IN = '''
write('') | write(5) | writelines(['']) | read('x') | read(1.5) | readline('x') | readline(None) | readlines('x') | readable() | writable() | seekable()
seek(0) | tell() | truncate() | fileno() | isatty() | flush() | closed | encoding | newlines | name | mode | detach(1) | nothing
reconfigure(encoding='nothing like it') | reconfigure(errors=5) | reconfigure(unknown=1)
buffer.write(b'') | buffer.read('x') | buffer.read(-2) | buffer.readline('x') | buffer.readinto(5) | buffer.readinto(b'') | buffer.readinto1('x')
buffer.peek('x') | buffer.read1('x') | buffer.seek(0) | buffer.tell() | buffer.truncate() | buffer.fileno() | buffer.closed | buffer.name
buffer.mode | buffer.readable() | buffer.writable() | buffer.seekable() | buffer.nothing
close(); s.read() | close(); s.readline() | close(); s.__next__() | close(); s.fileno() | close(); s.closed | close(); s.buffer.closed
close(); s.buffer.read() | close(); s.buffer.readline() | close(); s.buffer.peek() | close(); s.close() | close(); s.isatty() | close(); s.flush()
detach().closed | detach(); s.read() | detach(); s.readline() | detach(); s.closed | detach(); s.detach() | detach(); s.fileno()
buffer.detach().closed | buffer.detach(); s.buffer.read()
'''

def answers(make, calls):
    told = {}
    for call in calls.replace('\n', '|').split('|'):
        first, _, then = call.strip().partition('; ')
        if not first: continue
        s = make()
        try:
            value = eval('s.' + first)
            if then: value = eval(then)
            told[call.strip()] = repr(value) if type(value) in (int, bool, str, bytes, list, type(None)) else 'some object'
        except BaseException as error:
            # Which class it was, and how its arguments were counted.
            names = isinstance(error, AttributeError) or ' takes ' in str(error) or ' missing ' in str(error)
            told[call.strip()] = [type(error).__name__, None if names else str(error)]
    return told
)PY";

constexpr const char* kOfPython = R"PY(
import io, os
def out():
    raw = io.FileIO(1, 'wb', closefd=False); raw.name = '<stdout>'
    stream = io.TextIOWrapper(io.BufferedWriter(raw), 'utf-8', 'strict', line_buffering=True); stream.mode = 'w'
    return stream
def inward():
    raw = io.FileIO(0, 'rb', closefd=False); raw.name = '<stdin>'
    stream = io.TextIOWrapper(io.BufferedReader(raw), 'utf-8', 'strict'); stream.mode = 'r'
    return stream
told = json.dumps([answers(out, OUT), answers(inward, IN)])
sys.__stdout__.write(told)
)PY";

constexpr const char* kCompare = R"PY(
python = subprocess.run([sys.executable, '-c', SWEEP + OF_PYTHON], input=b'', stdout=subprocess.PIPE, check=True).stdout
theirs, theirs_in = json.loads(python)
ours = json.loads(json.dumps(answers(type(sys.stdout), OUT)))
def stdin():
    stream = type(sys.stdin.buffer.raw)()
    import io
    made = type(sys.stdin)(io.BufferedReader(stream), encoding='utf-8')
    return made
ours_in = json.loads(json.dumps(answers(stdin, IN)))
differ = {call: [ours[call], theirs[call]] for call in theirs if ours[call] != theirs[call]}
differ |= {'in ' + call: [ours_in[call], theirs_in[call]] for call in theirs_in if ours_in[call] != theirs_in[call]}
)PY";

TEST(StreamSweepTest, AnswersAreThoseOfPython) {
  for (const Launch& launch : {Launch{}, surviving()}) {
    ServerProcess server(launch);
    const std::string define =
        "SWEEP = " + Json(kSweep).dump() + "\nOF_PYTHON = " + Json(kOfPython).dump() + "\n";
    const Execution execution =
        server.execute(define + kSweep + kCompare + "[len(theirs), differ]");
    ASSERT_TRUE(execution.ok()) << execution;
    EXPECT_GT(execution.value()[0], 100);
    EXPECT_EQ(execution.value()[1], Json::object()) << execution.value()[1].dump(1);
    EXPECT_EQ(server.execute("print('fine')").out, "fine\n");
  }
}

TEST(StreamSweepTest, WhatIsWrittenByEachWayKeepsItsOrder) {
  ServerProcess server;
  EXPECT_EQ(server
                .execute("import sys\nprint('a', end='')\n_ = "
                         "sys.stdout.buffer.write(b'b')\nprint('c', end='')\n"
                         "_ = sys.stdout.buffer.raw.write(b'd')\nprint('e', end='')\n"
                         "sys.stdout.writelines(['f', 'g'])\n_ = "
                         "sys.stdout.buffer.write(memoryview(b'hi')[::1])")
                .out,
            "abcdefghi");
}

TEST(StreamSweepTest, ADetachedStreamCanBeWrappedAnew) {
  ServerProcess server;
  EXPECT_EQ(server
                .execute("import io, sys\nsys.stdout = io.TextIOWrapper(sys.stdout.detach(), "
                         "encoding='utf-8', "
                         "write_through=True)\nprint('wrapped')")
                .out,
            "wrapped\n");
  EXPECT_EQ(server.execute("print('still')").out, "still\n");
}

TEST(DescriptorZeroTest, OpenAsksTheClient) {
  ServerProcess server;
  for (const char* code :
       {"open(0).read()", "open(file=0, mode='rt').read()", "open(0, 'rb').read().decode()",
        "b''.join(iter(open(0, 'rb', 0).readline, b'')).decode()", "import io\nio.open(0).read()",
        "import os\nos.fdopen(0, 'r').read()", "import fileinput\n''.join(fileinput.input('-'))",
        "with open(0) as f: text = f.read()\ntext"}) {
    SCOPED_TRACE(code);
    const Json id = server.start(code);
    server.answer(server.await_input()["id"], "one");
    server.answer(server.await_input()["id"], "two");
    server.send(
        {{"type", "input_response"}, {"input_id", server.await_input()["id"]}, {"eof", true}});
    EXPECT_EQ(server.finish(id).value(), "one\ntwo\n") << server.describe();
  }
  EXPECT_EQ(server.ask("input()", "still").value(), "still");
}

TEST(DescriptorZeroTest, OpenRefusesWhatPythonRefuses) {
  ServerProcess server;
  EXPECT_EQ(server.execute("open(0, 'r', 0)").exception(), "ValueError");
  EXPECT_EQ(server.execute("open(0, 'rb', encoding='utf-8')").exception(), "ValueError");
  EXPECT_EQ(server.execute("open(0, 'x y')").exception(), "ValueError");
  EXPECT_EQ(server.execute("open(2**70)").exception(), "TypeError");
  EXPECT_EQ(server.execute("open()").exception(), "TypeError");
  EXPECT_EQ(server.execute("import os\nos.read(0, 1) == b''").value(), true);
}

TEST(DescriptorZeroTest, WhatCodePutsThereIsRead) {
  TempDir directory;
  ServerProcess server;
  server.execute("import os\nold = os.dup(0)\nos.dup2(os.open('" + directory.write("in", "mine") +
                 "', 0), 0)");
  EXPECT_EQ(server.execute("open(0, closefd=False).read()").value(), "mine");
  server.execute("os.dup2(old, 0)");
  const Json id = server.start("open(0).readline()");
  server.answer(server.await_input()["id"], "theirs");
  EXPECT_EQ(server.finish(id).value(), "theirs\n");
}

}  // namespace
}  // namespace replwire_tests
