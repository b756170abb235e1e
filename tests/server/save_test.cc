// save and load: what comes back, what does not and why, and what becomes of the files.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "support/case.h"
#include "support/survival.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

Launch launch(bool survive, std::vector<std::string> words = {}) {
  if (survive) words.insert(words.begin(), "--survive");
  return options(std::move(words));
}

// The frame that answers; the `progress` before it is left out.
Json answer_to(ServerProcess& server, const Json& id) {
  const auto answers = [&id](const Json& read) {
    return read.value("id", Json()) == id && read["type"] != "progress";
  };
  return server.read_until(answers).back();
}

Json ask(ServerProcess& server, const char* type, const std::string& path, Json names = nullptr) {
  static int number = 0;
  Json frame = {{"type", type}, {"id", "file-" + std::to_string(++number)}, {"path", path}};
  if (!names.is_null()) frame["names"] = std::move(names);
  server.send(frame);
  return answer_to(server, frame["id"]);
}

std::string reason_of(const Json& reply, const std::string& name) {
  for (const Json& skipped : reply.value("skipped", Json::array())) {
    if (skipped["name"] == name) return skipped["reason"];
  }
  return "not skipped";
}

// Of the folder, hidden ones included.
std::vector<std::string> names_in(const TempDir& folder) {
  std::vector<std::string> names;
  for (const auto& each : std::filesystem::directory_iterator(folder.path()))
    names.push_back(each.path().filename().string());
  return names;
}

class SaveTest : public ::testing::TestWithParam<bool> {
 protected:
  std::string file() const { return folder_.path("a.session"); }
  // Saves what the code leaves, ends the session, and loads it in another one.
  void pass_on(const std::string& code) {
    {
      ServerProcess first(launch(GetParam()));
      const Execution ran = first.execute(code);
      ASSERT_TRUE(ran.ok()) << ran;
      saved_ = ask(first, "save", file());
      ASSERT_EQ(saved_["type"], "save_reply") << saved_;
    }
    server_.emplace(launch(GetParam()));
    loaded_ = ask(*server_, "load", file());
    ASSERT_EQ(loaded_["type"], "load_reply") << loaded_;
  }
  Json value(const std::string& code) { return server_->execute(code).value(); }
  bool has_cloudpickle() { return server_->execute("import cloudpickle").ok(); }

  TempDir folder_;
  std::optional<ServerProcess> server_;
  Json saved_;
  Json loaded_;
};

INSTANTIATE_TEST_SUITE_P(Modes, SaveTest, ::testing::Bool(),
                         [](const auto& given) { return given.param ? "Survive" : "Local"; });

TEST_P(SaveTest, VariablesComeBackInAnotherSession) {
  pass_on(
      "n, text, data = 7, 'ä\\ud800', {'a': [1, 2.5, None, (True, b'x')], 3: {4, 5}}\n"
      "import math, os.path as p\nfrom math import sin\nfrom collections import Counter\n"
      "c = Counter('aab')\nmiss = None");
  const Json all = {"Counter", "c", "data", "math", "miss", "n", "p", "sin", "text"};
  EXPECT_EQ(saved_["saved"], all);
  EXPECT_EQ(saved_["skipped"], Json::array());
  EXPECT_EQ(saved_["path"], file());
  EXPECT_EQ(saved_["bytes"], std::filesystem::file_size(file()));
  EXPECT_EQ(loaded_["loaded"], all);
  EXPECT_EQ(loaded_["skipped"], Json::array());
  EXPECT_EQ(value("n == 7 and text == 'ä\\ud800' and data == {'a': [1, 2.5, None, (True, b'x')], "
                  "3: {4, 5}} and c == Counter(a=2, b=1) and miss is None"),
            true);
  EXPECT_EQ(value("import math as m, posixpath\nm is math and p is posixpath and sin is m.sin"),
            true);
  struct stat facts = {};
  ::stat(file().c_str(), &facts);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
  EXPECT_EQ(names_in(folder_), std::vector<std::string>{"a.session"});
}

TEST_P(SaveTest, WhatNamesShareIsSharedAfterwards) {
  pass_on(
      "a = [1]\nb = {'a': a}\nc = (b, b)\nloop = []\nloop.append(loop)\nalone = [1]\n"
      "big = 'x' * 5000\nlist_of_big = [big]\nspace = globals()");
  EXPECT_EQ(value("b['a'] is a and c[0] is b and c[1] is b and loop[0] is loop"), true);
  EXPECT_EQ(value("alone is not a and list_of_big[0] is big and space is globals()"), true);
}

TEST_P(SaveTest, WhatTheSessionHasDefinedComesBack) {
  pass_on(
      "rate = 2\ndef scale(x, by=10): 'Doc.'; return x * by * rate\nscale.tag = 'ours'\n"
      "def counter():\n    n = 0\n    def up():\n        nonlocal n\n        n += 1\n"
      "    def get(): return n\n    return up, get\nup, get = counter()\nup()\n"
      "class Base:\n    def hi(self): return 'hi ' + self.name\n"
      "class Point(Base):\n    def __init__(self, name): self.name = name\n"
      "    def hi(self): return super().hi() + '!'\n"
      "p, q = Point('p'), Point('q')\nfact = lambda n: n * fact(n - 1) if n else 1\n"
      "import dataclasses, enum\n@dataclasses.dataclass\nclass Row:\n    a: int\n    b: str = 'x'\n"
      "row = Row(1)\nclass Color(enum.Enum):\n    RED = 1\nred = Color.RED");
  if (!has_cloudpickle()) {
    EXPECT_NE(reason_of(saved_, "scale").find("cloudpickle"), std::string::npos) << saved_;
    EXPECT_NE(reason_of(saved_, "p").find("cloudpickle"), std::string::npos) << saved_;
    return;
  }
  EXPECT_EQ(saved_["skipped"], Json::array());
  EXPECT_EQ(value("scale(1), scale.__doc__, scale.tag, fact(5)"), (Json{20, "Doc.", "ours", 120}));
  // Its globals are the session's own, not a copy.
  EXPECT_EQ(value("rate = 3\nscale(1)"), 30);
  EXPECT_EQ(value("up()\nget()"), 2) << "functions go on sharing their variables";
  EXPECT_EQ(value("p.hi(), type(p) is Point is type(q), isinstance(p, Base)"),
            (Json{"hi p!", true, true}));
  EXPECT_EQ(value("row == Row(1, 'x'), red is Color.RED, Color(1) is red"),
            (Json{true, true, true}));
}

TEST_P(SaveTest, WhatCannotBeSavedIsSaid) {
  pass_on(
      "import socket, threading, sqlite3, sys\nshared = [1]\n"
      "file = open('/dev/null')\nholds = {'file': file, 'shared': shared}\n"
      "sock = socket.socket()\nlock = threading.Lock()\nthread = threading.Thread()\n"
      "gen = (n for n in ())\nbase = sqlite3.connect(':memory:')\nframe = sys._getframe()\n"
      "class Bad:\n    def __reduce__(self): raise ValueError('I will not')\n"
      "deep = []\nfor _ in range(100000): deep = [deep]\n"
      "fine = {'shared': shared}\ndel _\n");
  EXPECT_EQ(reason_of(saved_, "file"), "it is an open file ('/dev/null')") << saved_;
  EXPECT_EQ(reason_of(saved_, "holds"),
            "it holds an open file ('/dev/null'); what it shares with fine, shared is saved with "
            "that alone");
  EXPECT_EQ(reason_of(saved_, "sock"), "it is a socket");
  EXPECT_EQ(reason_of(saved_, "lock"), "it is a lock");
  EXPECT_EQ(reason_of(saved_, "thread"), "it is a thread");
  EXPECT_EQ(reason_of(saved_, "gen"), "it is a generator");
  EXPECT_EQ(reason_of(saved_, "base"), "it is a database connection (sqlite3)");
  EXPECT_EQ(reason_of(saved_, "frame"), "it is a stack frame");
  EXPECT_EQ(reason_of(saved_, "deep"), "it is nested too deeply");
  EXPECT_EQ(value("fine['shared'] is shared and 'holds' not in globals()"), true);
}

TEST_P(SaveTest, NamesCanBeChosen) {
  ServerProcess server(launch(GetParam()));
  server.execute("a, b, c = 1, 2, [3]\nd = c");
  const Json saved = ask(server, "save", file(), {"a", "c", "d", "none"});
  EXPECT_EQ(saved["saved"], (Json{"a", "c", "d"})) << saved;
  EXPECT_EQ(reason_of(saved, "none"), "there is no such name");
  server.execute("a = b = c = d = 0");
  const Json loaded = ask(server, "load", file(), {"c", "b"});
  EXPECT_EQ(loaded["loaded"], Json{"c"}) << loaded;
  EXPECT_EQ(reason_of(loaded, "b"), "the file has no such name");
  EXPECT_EQ(server.execute("a, b, c, d").value(), (Json{0, 0, {3}, 0}));
}

TEST_P(SaveTest, TakesItsTurn) {
  ServerProcess server(launch(GetParam()));
  server.start("x = input()");
  const Json question = server.await_input();
  server.send({{"type", "save"}, {"id", "s"}, {"path", file()}});
  server.start("x = 'later'");
  for (const Json& frame : server.frames_before_status()) EXPECT_NE(frame["type"], "save_reply");
  server.answer(question["id"], "then");
  EXPECT_EQ(answer_to(server, "s")["saved"], Json{"x"});
  server.send({{"type", "load"}, {"id", "l"}, {"path", file()}});
  EXPECT_EQ(server.execute("x").value(), "then");
}

TEST_P(SaveTest, AFailedSaveCostsNothing) {
  ServerProcess server(launch(GetParam()));
  server.execute("x = 1");
  ask(server, "save", file());
  const std::string before = read_text(file());
  for (const std::string& path :
       {folder_.path("none/a"), folder_.path(), std::string("/dev/null"), std::string()}) {
    const Json failed = ask(server, "save", path);
    EXPECT_EQ(failed["type"], "protocol_error") << failed;
    EXPECT_EQ(failed["code"], "save_failed") << failed;
    EXPECT_NE(failed["message"].get<std::string>().find(path), std::string::npos) << failed;
  }
  server.execute(
      "import resource\nbig = bytes(10**6)\n"
      "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))");
  const Json full = ask(server, "save", file());
  EXPECT_EQ(full["code"], "save_failed") << full;
  EXPECT_EQ(read_text(file()), before);
  EXPECT_EQ(names_in(folder_), std::vector<std::string>{"a.session"});
  EXPECT_EQ(server.execute("x").value(), 1);
}

TEST_P(SaveTest, CanBeInterrupted) {
  ServerProcess server(launch(GetParam()));
  server.execute("x = 1");
  ask(server, "save", file());
  const std::string before = read_text(file());
  server.execute(
      "import time\nclass Slow:\n    def __reduce__(self):\n        print('begun')\n"
      "        time.sleep(1000)\nslow = Slow()");
  server.send({{"type", "save"}, {"id", "s"}, {"path", file()}});
  server.read_line();
  EXPECT_EQ(server.interrupt("s")["outcome"], "delivered");
  const Json failed = answer_to(server, "s");
  EXPECT_EQ(failed["code"], "save_failed") << failed;
  EXPECT_EQ(failed["message"], "save: interrupted");
  EXPECT_EQ(read_text(file()), before);
  EXPECT_EQ(names_in(folder_), std::vector<std::string>{"a.session"});
}

TEST_P(SaveTest, AQueuedOneIsCancelled) {
  ServerProcess server(launch(GetParam()));
  server.start("input()");
  server.await_input();
  server.send({{"type", "save"}, {"id", "s"}, {"path", file()}});
  server.send({{"type", "load"}, {"id", "s"}, {"path", file()}});
  EXPECT_EQ(answer_to(server, "s")["code"], "duplicate_id");
  EXPECT_EQ(server.interrupt("s")["outcome"], "dequeued");
  const Json failed = answer_to(server, "s");
  EXPECT_EQ(failed["message"], "save: cancelled") << failed;
  EXPECT_FALSE(std::filesystem::exists(file()));
}

TEST_P(SaveTest, TellsItsProgress) {
  ServerProcess server(launch(GetParam()));
  ASSERT_TRUE(server
                  .execute("import copyreg, time\ncopyreg.pickle(complex, lambda z: "
                           "time.sleep(0.2) or (complex, ()))\n"
                           "a, b, c = bytes(5 << 20), 1j, bytes(5 << 20)")
                  .ok());
  server.send({{"type", "save"}, {"id", "s"}, {"path", file()}});
  const std::vector<Json> frames = server.read_until("save_reply");
  const Json progress = frame_of(frames, "progress");
  ASSERT_FALSE(progress.is_null());
  EXPECT_EQ(progress["id"], "s");
  EXPECT_GT(progress["done"], 0);
  EXPECT_GE(progress["total"], progress["done"]);
  EXPECT_GE(frames.back()["bytes"], progress["total"]);
}

TEST_P(SaveTest, CodeThatReplacesModulesDoesNotReachIt) {
  ServerProcess server(launch(GetParam()));
  server.execute("kept = [1]");
  server.execute(
      "import builtins, json, pickle, os, io, posix\n"
      "json.dumps = json.loads = pickle.Pickler = pickle.Unpickler = pickle.dumps = None\n"
      "os.write = os.open = os.rename = posix.preadv = io.BytesIO = None\n"
      "builtins.sorted = builtins.memoryview = builtins.dict = builtins.len = None");
  const Json saved = ask(server, "save", file(), {"kept"});
  EXPECT_EQ(saved["saved"], Json{"kept"}) << saved;
  server.execute("kept = None");
  EXPECT_EQ(ask(server, "load", file())["loaded"], Json{"kept"});
  EXPECT_EQ(server.execute("kept").value(), Json{1});
}

// ---- files that are not as they were written ----------------------------------------------------

class DamagedFileTest : public ::testing::Test {
 protected:
  DamagedFileTest() {
    server_.execute("a, b = [1, 2, 3], {'x': 'y' * 100}\nc = bytes(range(256)) * 40");
    ask(server_, "save", folder_.path("good"));
    good_ = read_text(folder_.path("good"));
    server_.execute("a = b = c = 'untouched'");
  }

  Json load(const std::string& bytes) { return ask(server_, "load", folder_.write("bad", bytes)); }
  void expect_refused(const std::string& bytes, const std::string& why) {
    const Json refused = load(bytes);
    EXPECT_EQ(refused["code"], "load_failed") << refused;
    EXPECT_NE(refused["message"].get<std::string>().find(why), std::string::npos) << refused;
    EXPECT_NE(refused["message"].get<std::string>().find("/bad: "), std::string::npos) << refused;
  }
  void expect_untouched() {
    EXPECT_EQ(server_.execute("a, b, c").value(), (Json{"untouched", "untouched", "untouched"}));
  }

  ServerProcess server_;
  TempDir folder_;
  std::string good_;
};

TEST_F(DamagedFileTest, EveryFlippedBitIsSeen) {
  for (std::size_t at = 0; at < good_.size(); at += at < 200 ? 1 : 97) {
    std::string bad = good_;
    bad[at] = static_cast<char>(bad[at] ^ (1 << at % 8));
    expect_refused(bad, "");
  }
  expect_untouched();
}

TEST_F(DamagedFileTest, EveryTruncationIsSeen) {
  for (std::size_t size = 0; size < good_.size(); size += 97)
    expect_refused(good_.substr(0, size), size < 22 ? "" : "truncated");
  expect_refused(good_ + "x", "something follows its end");
  expect_untouched();
}

TEST_F(DamagedFileTest, ThePlaceIsTold) {
  const std::size_t at = good_.find("yyyy");
  std::string bad = good_;
  bad[at] = 'z';
  expect_refused(bad, "b: damaged (bytes ");
  expect_refused("#!/bin/sh\necho no\n" + std::string(1000, 'x'), "it is no session file");
  expect_refused("", "it is no session file");
  const Json other = ask(server_, "load", folder_.path("bad-too"));
  EXPECT_EQ(other["code"], "load_failed") << other;
  expect_untouched();
  // The others of that file can be had.
  folder_.write("bad", bad);
  EXPECT_EQ(ask(server_, "load", folder_.path("bad"), {"a"})["loaded"], Json{"a"});
}

TEST_F(DamagedFileTest, OfALaterFormatSaysSo) {
  std::string bad = good_;
  bad[bad.find(" 1,") + 1] = '7';
  expect_refused(bad, "it has format 7, and this replwire knows 1");
}

}  // namespace
}  // namespace replwire_tests
