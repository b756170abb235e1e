// What was typed in the session, in processes that multiprocessing starts with a new interpreter.
// With the real packages `cloudpickle` and `joblib`, from a folder that scripts/test makes and
// names in $REPLWIRE_PURE.
#include <gtest/gtest.h>

#include <cstdlib>

#include "support/case.h"
#include "support/survival.h"

namespace replwire_tests {
namespace {

const std::string kTyped = R"(
import concurrent.futures, functools, multiprocessing, os
from dataclasses import dataclass
@dataclass
class Point:
    x: int
    def twice(self): return Point(double(self.x))
class Odd(Exception): pass
factor = 2
def double(n): return factor * n
def move(point): return point.twice()
def fail(n): raise Odd(n)
@functools.lru_cache(maxsize=None)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
)";

struct Method : Case {
  std::vector<std::string> options;
};

class ByValueTest : public ::testing::TestWithParam<Method> {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("REPLWIRE_PURE");
    if (folder == nullptr) GTEST_SKIP() << "no $REPLWIRE_PURE: scripts/test sets it";
    Launch launch = options(GetParam().options);
    launch.env["PYTHONPATH"] = folder;
    server_.emplace(launch);
    const std::string name = GetParam().name;
    const std::string method = name.starts_with("Spawn") ? "spawn" : "forkserver";
    const Execution typed =
        server_->execute(kTyped + "context = multiprocessing.get_context('" + method + "')");
    ASSERT_TRUE(typed.ok()) << typed;
  }

  // What would hang is an error by its deadline.
  Execution run(const std::string& code) { return server_->execute(code, {{"timeout", 50}}); }

  std::optional<ServerProcess> server_;
};

INSTANTIATE_TEST_SUITE_P(Methods, ByValueTest,
                         ::testing::Values(Method{{"Spawn"}, {}}, Method{{"Forkserver"}, {}},
                                           Method{{"SpawnSurvive"}, {"--survive"}}),
                         CaseName());

TEST_P(ByValueTest, APool) {
  const Execution pool =
      run("with context.Pool(2) as pool:\n"
          "    got = pool.map(double, [1, 2]), pool.map(lambda n: n + factor, [1]), pool.map(fib, "
          "[30])\n"
          "got");
  EXPECT_EQ(pool.value(), Json::parse("[[2, 4], [3], [832040]]")) << pool;
}

TEST_P(ByValueTest, AnExecutor) {
  const Execution executor =
      run("with concurrent.futures.ProcessPoolExecutor(2, context) as pool:\n"
          "    got = list(pool.map(double, [3, 4]))\n"
          "got");
  EXPECT_EQ(executor.value(), Json::array({6, 8})) << executor;
}

TEST_P(ByValueTest, InstancesComeBackAsTheSessionsOwn) {
  const Execution pool =
      run("with context.Pool(1) as pool:\n"
          "    moved, = pool.map(move, [Point(4)])\n"
          "    try: pool.apply(fail, (7,))\n"
          "    except Odd as odd: told = odd.args\n"
          "    function = pool.apply(lambda: lambda n: n + 5)\n"
          "    same = pool.apply(lambda: double)\n"
          "[type(moved) is Point, moved.x, told, function(1), same is double]");
  EXPECT_EQ(pool.value(), Json::parse("[true, 8, [7], 6, true]")) << pool;
}

TEST_P(ByValueTest, AProcessAndItsQueues) {
  const Execution process =
      run("def work(given, taken):\n"
          "    for point in iter(given.get, None): taken.put(move(point))\n"
          "given, taken = context.Queue(), context.SimpleQueue()\n"
          "given.put(Point(1))\n"
          "process = context.Process(target=work, args=(given, taken))\n"
          "process.start()\n"
          "given.put(Point(2))\n"
          "given.put(None)\n"
          "got = [taken.get(), taken.get()]\n"
          "process.join()\n"
          "[got == [Point(2), Point(4)], process.exitcode]");
  EXPECT_EQ(process.value(), Json::parse("[true, 0]")) << process;
}

TEST_P(ByValueTest, APipe) {
  const Execution process =
      run("def work(end): end.send(end.recv().twice())\n"
          "here, there = context.Pipe()\n"
          "process = context.Process(target=work, args=(there,))\n"
          "process.start()\n"
          "here.send(Point(8))\n"
          "got = here.recv()\n"
          "process.join()\n"
          "got == Point(16)");
  EXPECT_EQ(process.value(), true) << process;
}

// As in a script: an initializer leaves something in a global, and the session's own are sent anew.
TEST_P(ByValueTest, GlobalsAreThoseOfTheSessionButForWhatTheProcessAssigned) {
  const Execution pool =
      run("shared = None\n"
          "def begin(value):\n"
          "    global shared\n"
          "    shared = value\n"
          "def use(n): return [shared, factor * n]\n"
          "with context.Pool(1, begin, ('kept',)) as pool:\n"
          "    first = pool.apply(use, (1,))\n"
          "    factor = 10\n"
          "    def double(n): return -n\n"
          "    second = pool.apply(use, (1,)), pool.apply(move, (Point(3),)).x\n"
          "[first, second]");
  EXPECT_EQ(pool.value(), Json::parse(R"([["kept", 2], [["kept", 10], -3]])")) << pool;
}

TEST_P(ByValueTest, NothingOfTheSessionRunsAgain) {
  const Execution pool = run(
      "print('once')\n"
      "with context.Pool(1) as pool: got = pool.apply(lambda: (sorted(__import__('sys').modules), "
      "os.getpid()))\n"
      "[[each for each in got[0] if 'replwire' in each], got[1] != os.getpid()]");
  EXPECT_EQ(pool.value(), Json::parse("[[], true]")) << pool;
  EXPECT_EQ(pool.out, "once\n");
}

TEST_P(ByValueTest, AForkedPoolGoesOnWithNames) {
  const Execution pool =
      run("class Heavy:\n"
          "    def __reduce__(self): raise RuntimeError('pickled')\n"
          "heavy = Heavy()\n"
          "def light(n): return [n, type(heavy).__name__]\n"
          "with context.Pool(1) as new, multiprocessing.get_context('fork').Pool(1) as forked:\n"
          "    got = new.map(double, [1]), forked.map(light, [2])\n"
          "got");
  EXPECT_EQ(pool.value(), Json::parse(R"([[2], [[2, "Heavy"]]])")) << pool;
}

// The error comes at once, where a pool would lose its workers one by one for ever.
TEST_P(ByValueTest, WithoutCloudpickleTheSenderIsTold) {
  ASSERT_TRUE(server_->execute("import sys\nsys.modules['cloudpickle'] = None").ok());
  for (const char* code :
       {"with context.Pool(1) as pool: pool.map(double, [1])",
        "with concurrent.futures.ProcessPoolExecutor(1, context) as pool: pool.submit(double, "
        "1).result()",
        "context.Process(target=double, args=(1,)).start()",
        "with context.Pool(1) as pool: pool.apply(fib, (1,))",
        "with context.Pool(1) as pool: pool.apply(len, ([Point(1)],))"}) {
    const Execution refused = run(code);
    EXPECT_EQ(refused.terminal["exception_type"], "_pickle.PicklingError") << code << refused;
    const std::string message = refused.terminal.value("exception_message", "");
    EXPECT_NE(message.find("pip install cloudpickle"), std::string::npos) << code << refused;
  }
  // What is installed meanwhile reaches the processes that are there.
  const Execution pool =
      run("pool = context.Pool(1)\n"
          "got = pool.map(abs, [-1])\n"
          "try: pool.map(double, [1])\n"
          "except Exception: del sys.modules['cloudpickle']\n"
          "got + pool.map(double, [1])");
  EXPECT_EQ(pool.value(), Json::array({1, 2})) << pool;
}

TEST_P(ByValueTest, WhatIsKnownByItsNameAloneIsRefused) {
  const Execution refused =
      run("class Missing:\n"
          "    def __reduce__(self): return 'missing'\n"
          "missing = Missing()\n"
          "with context.Pool(1) as pool: pool.apply(repr, (missing,))");
  EXPECT_EQ(refused.terminal["exception_type"], "_pickle.PicklingError") << refused;
}

TEST_P(ByValueTest, AsTheDefault) {
  const Execution pool = run(
      "multiprocessing.set_start_method(context.get_start_method())\n"
      "with concurrent.futures.ProcessPoolExecutor(1) as pool: got = list(pool.map(double, [3]))\n"
      "with multiprocessing.Manager() as manager:\n"
      "    points = manager.list([Point(1)])\n"
      "    got.append(points[0] == Point(1))\n"
      "got");
  EXPECT_EQ(pool.value(), Json::parse("[6, true]")) << pool;
}

TEST_P(ByValueTest, Joblib) {
  const Execution pool =
      run("import joblib\n"
          "run = joblib.Parallel(n_jobs=2)\n"
          "[each.x for each in run(joblib.delayed(move)(Point(n)) for n in range(3))]");
  EXPECT_EQ(pool.value(), Json::array({0, 2, 4})) << pool;
}

TEST_P(ByValueTest, JoblibsOtherBackend) {
  const Execution pool =
      run("os.environ['JOBLIB_START_METHOD'] = context.get_start_method()\n"
          "import joblib\n"
          "run = joblib.Parallel(n_jobs=2, backend='multiprocessing')\n"
          "[each.x for each in run(joblib.delayed(move)(Point(n)) for n in range(3))]");
  EXPECT_EQ(pool.value(), Json::array({0, 2, 4})) << pool;
}

}  // namespace
}  // namespace replwire_tests
