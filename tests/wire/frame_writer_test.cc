// The writer on a real pipe, whose reader is the test.
#include "server/wire/frame_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <optional>
#include <string>

#include "support/descriptors.h"
#include "support/temp_dir.h"

namespace replwire::server {
namespace {

using Kind = FrameKind;

constexpr std::size_t kLowWater = 1000;

class FrameWriterTest : public ::testing::Test {
 protected:
  void write_to(Descriptor output, std::size_t low_water = kLowWater) {
    writer_.emplace(io_, std::move(output), low_water,
                    FrameWriter::Events{[this] { ++drained_; }, [this] { ++gone_; }, [] {},
                                        [this](int error) { error_ = error; }});
    io_.poll();
  }
  void write_to_pipe(std::size_t low_water = kLowWater) {
    write_to(Descriptor(::dup(pipe_.write_end.get())), low_water);
    pipe_.write_end.reset();
  }

  // Until the pipe has taken a part of a frame; returns what was written.
  std::string fill() {
    std::string all;
    while (writer_->pending() == 0) {
      const std::string frame = std::string(9000, 'f') + "\n";
      writer_->write(frame, Kind::kOutput);
      all += frame;
    }
    return all;
  }

  // All that comes until nothing is pending.
  std::string read_all() {
    std::string text = replwire_tests::read_available(pipe_.read_end);
    while (writer_->pending() > 0) {
      io_.restart();
      io_.run_one();
      text += replwire_tests::read_available(pipe_.read_end);
    }
    return text + replwire_tests::read_available(pipe_.read_end);
  }

  // Makes that much room in the full pipe, and has it filled.
  std::string read_and_send(std::size_t size) {
    std::string text(size, ' ');
    const std::size_t pending = writer_->pending();
    EXPECT_EQ(::read(pipe_.read_end.get(), text.data(), size), static_cast<ssize_t>(size));
    while (writer_->pending() == pending) {
      io_.restart();
      io_.run_one();
    }
    return text;
  }

  // Not by EXPECT_EQ, which would print a pipe's whole content.
  void expect_reads(const std::string& all) {
    const std::string text = read_all();
    const auto differs = std::mismatch(text.begin(), text.end(), all.begin(), all.end());
    const auto at = differs.first - text.begin();
    EXPECT_TRUE(text == all) << text.size() << " bytes for " << all.size() << ", other from " << at
                             << " on: " << text.substr(static_cast<std::size_t>(at), 80);
  }

  void SetUp() override { std::signal(SIGPIPE, SIG_IGN); }  // as Python has it

  asio::io_context io_;
  replwire_tests::Pipe pipe_;
  std::optional<FrameWriter> writer_;
  int drained_ = 0;
  int gone_ = 0;
  int error_ = 0;
};

TEST_F(FrameWriterTest, AFrameIsInThePipeAtOnce) {
  write_to_pipe();
  writer_->write("frame\n");
  EXPECT_EQ(replwire_tests::read_available(pipe_.read_end), "frame\n");
  EXPECT_EQ(writer_->pending(), 0u);
}

TEST_F(FrameWriterTest, WhatDoesNotFitIsKeptAndSentWhenThereIsRoom) {
  write_to_pipe();
  std::string all = fill();
  writer_->write("last\n");
  EXPECT_GT(writer_->pending(), 0u);
  expect_reads(all + "last\n");
}

TEST_F(FrameWriterTest, AReplyOvertakesOutputButNotTheFrameUnderWay) {
  write_to_pipe();
  std::string all = fill();
  const std::string behind = std::string(300'000, 'x') + "\n";
  writer_->write(behind, Kind::kOutput);
  writer_->write("reply\n", Kind::kReply);
  expect_reads(all + "reply\n" + behind);
}

TEST_F(FrameWriterTest, AReplyDoesNotCutAFrameThatIsMoreThanHalfSent) {
  write_to_pipe();
  std::string all = fill();
  const std::string frame = std::string(300'000, 'x') + "\n";
  writer_->write(frame, Kind::kOutput);
  std::string text = read_and_send(100'000);
  writer_->write("reply\n", Kind::kReply);
  text += read_and_send(100'000);
  text += read_all();
  EXPECT_TRUE(text == all + frame + "reply\n") << "the reply stands at " << text.find("reply");
}

TEST_F(FrameWriterTest, AReplyOvertakesNothingThatKeepsItsPlace) {
  write_to_pipe();
  std::string all = fill();
  writer_->write("output\n", Kind::kOutput);
  writer_->write("result\n");
  writer_->write("later\n", Kind::kOutput);
  writer_->write("reply\n", Kind::kReply);
  expect_reads(all + "output\nresult\nreply\nlater\n");
}

TEST_F(FrameWriterTest, RepliesKeepTheirOrder) {
  write_to_pipe();
  std::string all = fill();
  writer_->write("output\n", Kind::kOutput);
  writer_->write("first\n", Kind::kReply);
  writer_->write("result\n");
  writer_->write("more\n", Kind::kOutput);
  writer_->write("second\n", Kind::kReply);
  writer_->write("third\n", Kind::kReply);
  expect_reads(all + "first\noutput\nresult\nsecond\nthird\nmore\n");
}

TEST_F(FrameWriterTest, AReplyComesWhileOutputKeepsComing) {
  write_to_pipe();
  fill();
  const std::string frame = std::string(50'000, 'x') + "\n";
  for (int i = 0; i < 20; ++i) writer_->write(frame, Kind::kOutput);
  std::string text = replwire_tests::read_available(pipe_.read_end);
  writer_->write("reply\n", Kind::kReply);
  for (int i = 0; i < 8 && !text.ends_with("reply\n"); ++i) {
    writer_->write(frame, Kind::kOutput);
    io_.restart();
    io_.run_one();
    const std::string more = replwire_tests::read_available(pipe_.read_end);
    const std::size_t at = more.find("reply\n");
    text = at == std::string::npos ? more : more.substr(0, at + 6);
  }
  EXPECT_TRUE(text.ends_with("reply\n"));
  EXPECT_GT(writer_->pending(), 500'000u);
}

TEST_F(FrameWriterTest, BytesOfRepliesThatWaitAreCounted) {
  write_to_pipe();
  fill();
  EXPECT_EQ(writer_->waiting_replies(), 0u);
  writer_->write("1234567\n", Kind::kReply);
  writer_->write("1234567\n", Kind::kReply);
  writer_->write("result\n");
  writer_->write("1234567\n", Kind::kReply);
  EXPECT_EQ(writer_->waiting_replies(), 24u);
  read_all();
  EXPECT_EQ(writer_->waiting_replies(), 0u);
}

TEST_F(FrameWriterTest, ALongReplyThatDoesNotFitIsSentWhole) {
  write_to_pipe();
  const std::string reply = std::string(1'000'000, 'r') + "\n";
  writer_->write(reply, Kind::kReply);
  writer_->write("output\n", Kind::kOutput);
  writer_->write("second\n", Kind::kReply);
  expect_reads(reply + "second\noutput\n");
}

TEST_F(FrameWriterTest, SaysOnceThatTheClientHasCaughtUp) {
  write_to_pipe();
  fill();
  writer_->write(std::string(100'000, 'x') + "\n");
  EXPECT_EQ(drained_, 0);
  read_all();
  EXPECT_EQ(drained_, 1);
}

TEST_F(FrameWriterTest, SaysSoWithoutAnyLowWater) {
  write_to_pipe(0);
  fill();
  read_all();
  EXPECT_EQ(drained_, 1);
}

TEST_F(FrameWriterTest, AReaderThatIsGoneEndsIt) {
  write_to_pipe();
  pipe_.read_end.reset();
  writer_->write("frame\n");
  io_.restart();
  io_.poll();
  EXPECT_EQ(gone_, 1);
  EXPECT_EQ(error_, 0);
  EXPECT_TRUE(writer_->reader_gone(0));
}

TEST_F(FrameWriterTest, AFullDiskIsToldAtOnce) {
  write_to(Descriptor(::open("/dev/full", O_WRONLY)));
  writer_->write("frame\n");
  EXPECT_EQ(error_, ENOSPC);
  EXPECT_EQ(writer_->pending(), 0u);
}

TEST_F(FrameWriterTest, AFileTakesEverything) {
  const replwire_tests::TempDir directory;
  const std::string path = directory.path("frames");
  write_to(Descriptor(::open(path.c_str(), O_WRONLY | O_CREAT, 0600)));
  const std::string frame = std::string(1'000'000, 'x') + "\n";
  writer_->write(frame);
  EXPECT_EQ(writer_->pending(), 0u);
  EXPECT_EQ(std::filesystem::file_size(path), frame.size());
}

TEST_F(FrameWriterTest, TheOthersDescriptionStaysAsItWas) {
  const int shared = ::dup(pipe_.write_end.get());
  write_to_pipe();
  EXPECT_EQ(::fcntl(shared, F_GETFL) & O_NONBLOCK, 0);
  ::close(shared);
}

TEST_F(FrameWriterTest, DrainGivesUpOnAClientThatTakesNothing) {
  write_to_pipe();
  fill();
  writer_->drain(1);
  EXPECT_GT(writer_->pending(), 0u);
}

TEST_F(FrameWriterTest, LastWordsComeBehindAllThatWaits) {
  write_to_pipe();
  writer_->write("first\n");
  writer_->seize();
  writer_->write_last("last\n");
  EXPECT_EQ(replwire_tests::read_available(pipe_.read_end), "first\nlast\n");
}

}  // namespace
}  // namespace replwire::server
