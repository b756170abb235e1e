// Figures of matplotlib, without a line of set-up.
#include <gtest/gtest.h>

#include "support/server_process.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

const char* const kMissing = "no matplotlib (python3-matplotlib)";

std::string decoded(const std::string& base64) {
  static const std::string kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned bits = 0;
  int size = 0;
  for (const char digit : base64) {
    if (digit == '=') break;
    bits = bits << 6 | static_cast<unsigned>(kDigits.find(digit));
    size += 6;
    if (size < 8) continue;
    size -= 8;
    bytes.push_back(static_cast<char>(bits >> size & 0xff));
  }
  return bytes;
}

struct Size {
  unsigned width = 0;
  unsigned height = 0;
  bool operator==(const Size&) const = default;
};

unsigned big_endian(std::string_view bytes) {
  unsigned number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

// From its header; nothing when it is no whole PNG.
Size size_of_png(const Json& frame) {
  const std::string picture = decoded(frame["data"].value("image/png", ""));
  const std::string_view view(picture);
  if (!view.starts_with("\x89PNG\r\n\x1a\n") || view.substr(12, 4) != "IHDR" ||
      view.substr(view.size() - 8, 4) != "IEND")
    return {};
  return {big_endian(view.substr(16, 4)), big_endian(view.substr(20, 4))};
}

std::ostream& operator<<(std::ostream& stream, const Size& size) {
  return stream << size.width << "x" << size.height;
}

class MatplotlibTest : public ::testing::Test {
 protected:
  explicit MatplotlibTest(const Launch& launch = {}) : server_(launch) {}

  void SetUp() override {
    if (server_.execute("import importlib.util\nimportlib.util.find_spec('matplotlib') is None")
            .value() == true) {
      GTEST_SKIP() << kMissing;
    }
  }

  static std::vector<Json> figures(const Execution& execution) {
    std::vector<Json> frames;
    for (const Json& frame : execution.frames) {
      if (frame["type"] == "display") frames.push_back(frame);
    }
    return frames;
  }

  std::vector<Json> figures(std::string_view code) { return figures(server_.execute(code)); }

  ServerProcess server_;
};

TEST_F(MatplotlibTest, AFigureArrivesWhenTheExecutionEnds) {
  const Execution execution = server_.execute(
      "import matplotlib.pyplot as plt\nplt.figure(figsize=(4, 3), dpi=50)\n_ = plt.plot([1, 2])\n"
      "print('before')",
      {{"id", "fig"}});
  ASSERT_TRUE(execution.ok()) << execution;
  EXPECT_EQ(types_of(execution.frames), (std::vector<std::string>{"output", "display", "result"}));
  const std::vector<Json> frames = figures(execution);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0]["execution_id"], "fig");
  EXPECT_EQ(size_of_png(frames[0]), (Size{200, 150}));
  EXPECT_EQ(frames[0]["metadata"]["image/png"], Json({{"width", 200}, {"height", 150}}));
  EXPECT_EQ(execution.err, "");
}

TEST_F(MatplotlibTest, IsClosedThen) {
  EXPECT_EQ(figures("import matplotlib.pyplot as plt\nplt.figure(); plt.figure()").size(), 2u);
  const Execution execution = server_.execute("plt.get_fignums()");
  EXPECT_EQ(execution.value(), Json::array());
  EXPECT_EQ(figures(execution).size(), 0u);
}

TEST_F(MatplotlibTest, ShowShowsInTheOrderOfTheOutput) {
  const Execution execution = server_.execute(
      "import matplotlib.pyplot as plt\nplt.figure()\nprint('1')\nplt.show()\nprint('2')\n"
      "plt.figure(figsize=(1, 1), dpi=30)");
  EXPECT_EQ(types_of(execution.frames),
            (std::vector<std::string>{"output", "display", "output", "display", "result"}));
  EXPECT_EQ(size_of_png(figures(execution).at(0)), (Size{640, 480}));
  EXPECT_EQ(size_of_png(figures(execution).at(1)), (Size{30, 30}));
}

TEST_F(MatplotlibTest, AFailedExecutionShowsItsFiguresToo) {
  const Execution execution =
      server_.execute("import matplotlib.pyplot as plt\nplt.figure()\n1 / 0");
  EXPECT_EQ(execution.exception(), "ZeroDivisionError");
  EXPECT_EQ(figures(execution).size(), 1u);
}

TEST_F(MatplotlibTest, ACloseFigureDoesNotShow) {
  EXPECT_EQ(figures("import matplotlib.pyplot as plt\nplt.figure()\nplt.close()").size(), 0u);
}

TEST_F(MatplotlibTest, AFigureIsShownBeforeAQuestion) {
  const Execution execution =
      server_.ask("import matplotlib.pyplot as plt\nplt.figure()\ninput('like it? ')", "yes");
  EXPECT_EQ(types_of(execution.frames), (std::vector<std::string>{"display", "input", "result"}));
}

TEST_F(MatplotlibTest, AThreadsFigureIsShownWhenTheThreadEnds) {
  ASSERT_TRUE(server_
                  .execute("import threading, matplotlib.pyplot as plt\ngo = threading.Event()\n"
                           "def draw():\n    go.wait(); plt.figure()\n"
                           "threading.Thread(target=draw).start()\nthreading.Timer(0.1, "
                           "go.set).start()",
                           {{"id", "thread"}})
                  .ok());
  EXPECT_EQ(server_.read_until("display").back()["execution_id"], "thread");  // nothing runs
}

TEST_F(MatplotlibTest, AFigureThatAThreadIsDrawingIsLeftToIt) {
  EXPECT_EQ(figures("import threading, matplotlib.pyplot as plt\ngo = threading.Event()\n"
                    "drawn = threading.Event()\n"
                    "def draw():\n    plt.figure(); drawn.set(); go.wait(); plt.plot([1])\n"
                    "thread = threading.Thread(target=draw)\nthread.start()\n_ = drawn.wait()")
                .size(),
            0u);
  const Json id = server_.start("go.set()\nthread.join()");
  EXPECT_TRUE(server_.read_until("display").back()["data"].contains("image/png"));
  EXPECT_TRUE(server_.finish(id).ok());
}

TEST_F(MatplotlibTest, SavefigWritesAFileAndTheFigureStillShows) {
  const TempDir folder;
  const std::string path = folder.path() + "/f.png";
  const Execution execution =
      server_.execute("import matplotlib.pyplot as plt, os\nplt.figure()\nplt.savefig('" + path +
                      "')\nos.path.getsize('" + path + "') > 100");
  EXPECT_EQ(execution.value(), true) << execution;
  EXPECT_EQ(figures(execution).size(), 1u);
}

TEST_F(MatplotlibTest, InteractiveModeStaysTheUsersChoice) {
  EXPECT_EQ(server_.execute("import matplotlib.pyplot as plt\nplt.isinteractive()").value(), false);
  EXPECT_EQ(figures("plt.ion()\n_ = plt.plot([1])").size(), 1u);
  EXPECT_EQ(server_.execute("plt.isinteractive()").value(), true);
}

TEST_F(MatplotlibTest, AnExplicitBackendIsTheUsersChoice) {
  const Execution execution = server_.execute(
      "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt\nplt.figure()\n"
      "matplotlib.get_backend().lower()");
  EXPECT_EQ(execution.value(), "agg") << execution;
  EXPECT_EQ(figures(execution).size(), 0u);
}

TEST_F(MatplotlibTest, ASwitchOfTheBackendToo) {
  figures("import matplotlib.pyplot as plt\nplt.figure()");
  EXPECT_EQ(figures("plt.switch_backend('agg')\nplt.figure()").size(), 0u);
}

TEST_F(MatplotlibTest, DisplayShowsAFigureThatPyplotDoesNotKnow) {
  const std::string code =
      "from matplotlib.figure import Figure\nf = Figure(figsize=(1, 2), dpi=40)\n";
  EXPECT_EQ(size_of_png(figures(code + "display(f)").at(0)), (Size{40, 80}));
  const Json result = server_.execute("f").terminal;
  EXPECT_EQ(size_of_png({{"data", result["display"]}}), (Size{40, 80}));
}

TEST_F(MatplotlibTest, AnOpenFigureThatIsTheResultShowsOnce) {
  const Execution execution =
      server_.execute("import matplotlib.pyplot as plt\nfig = plt.figure()\nfig");
  EXPECT_EQ(figures(execution).size(), 1u);
  EXPECT_FALSE(execution.terminal.contains("display"));
}

TEST_F(MatplotlibTest, WhatCannotBeDrawnIsSaidAndClosed) {
  const Execution execution = server_.execute(
      "import matplotlib.pyplot as plt\nplt.title('$\\\\nothing$')\nplt.figure()\n'fine'");
  EXPECT_EQ(execution.value(), "fine") << execution;
  EXPECT_NE(execution.err.find("ValueError"), std::string::npos) << execution;
  EXPECT_EQ(server_.execute("plt.get_fignums()").value(), Json::array());
}

TEST_F(MatplotlibTest, DrawingCanBeInterrupted) {
  const Json id = server_.start(
      "import matplotlib.pyplot as plt\nfrom matplotlib.artist import Artist\n"
      "class Slow(Artist):\n    def draw(self, renderer):\n        print('drawing', flush=True)\n"
      "        while True: pass\n"
      "plt.figure().add_artist(Slow())\nplt.figure()\n1");
  server_.read_line();
  EXPECT_EQ(server_.interrupt(id)["outcome"], "delivered");
  EXPECT_EQ(server_.finish(id).reason(), "interrupt");
  EXPECT_EQ(server_.execute("plt.get_fignums()").value(), Json::array());
}

TEST_F(MatplotlibTest, ChildProcessesChooseTheirOwnBackend) {
  const Execution execution = server_.execute(
      "import matplotlib.pyplot, subprocess, sys, os\n"
      "code = 'import matplotlib; matplotlib.use(\"agg\"); import matplotlib.pyplot as p; "
      "p.figure()'\n"
      "subprocess.run([sys.executable, '-c', code]).returncode, 'MPLBACKEND' in os.environ");
  EXPECT_EQ(execution.value(), Json::array({0, false})) << execution;
}

TEST_F(MatplotlibTest, NothingIsImportedBeforeUserCodeDoes) {
  EXPECT_EQ(
      server_.execute("import sys\n'matplotlib' in sys.modules or 'numpy' in sys.modules").value(),
      false);
}

class SvgTest : public MatplotlibTest {
 protected:
  SvgTest() : MatplotlibTest(options({"--figure-format", "svg"})) {}
};

TEST_F(SvgTest, ComesByOption) {
  const std::vector<Json> frames =
      figures("import matplotlib.pyplot as plt\nplt.figure(figsize=(1, 1))");
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_NE(frames[0]["data"]["image/svg+xml"].get<std::string>().find("<svg"), std::string::npos);
  EXPECT_FALSE(frames[0]["data"].contains("image/png"));
}

class ChosenBackendTest : public MatplotlibTest {
 protected:
  ChosenBackendTest() : MatplotlibTest({.env = {{"MPLBACKEND", "agg"}}}) {}
};

TEST_F(ChosenBackendTest, InTheEnvironmentIsKept) {
  EXPECT_EQ(figures("import matplotlib.pyplot as plt\nplt.figure()").size(), 0u);
}

class OwnSettingsTest : public MatplotlibTest {
 protected:
  OwnSettingsTest() : MatplotlibTest({.cwd = folder().path()}) {}

  static const TempDir& folder() {
    static const TempDir folder;
    static const std::string file = folder.write("matplotlibrc", "backend: agg\n");
    return folder;
  }
};

TEST_F(OwnSettingsTest, AreKept) {
  EXPECT_EQ(figures("import matplotlib.pyplot as plt\nplt.figure()").size(), 0u);
}

}  // namespace
}  // namespace replwire_tests
