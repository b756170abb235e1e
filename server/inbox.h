#pragma once

#include <sys/eventfd.h>

#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "server/asio.h"

namespace replwire::server {

// Hands values from any thread to the io_context, in order. asio::post would do, but it wakes the
// io_context's thread while it holds the lock that this thread takes first: on one core that costs
// two more context switches a frame, a third of a round trip.
template <class T>
class Inbox {
 public:
  Inbox(asio::io_context& io, std::function<void(T)> take)
      : take_(std::move(take)), event_(io, ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    wait();
  }
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  void put(T value) {
    {
      const std::lock_guard lock(mutex_);
      values_.push_back(std::move(value));
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(event_.native_handle(), &one, sizeof one);
  }

 private:
  void wait() {
    event_.async_read_some(asio::buffer(&count_, sizeof count_),
                           [this](const boost::system::error_code& error, std::size_t) {
                             if (error) return;
                             empty();
                             wait();
                           });
  }

  void empty() {
    std::vector<T> values;
    {
      const std::lock_guard lock(mutex_);
      values.swap(values_);
    }
    for (T& value : values) take_(std::move(value));
  }

  std::function<void(T)> take_;
  asio::posix::stream_descriptor event_;
  std::uint64_t count_ = 0;
  std::mutex mutex_;
  std::vector<T> values_;
};

}  // namespace replwire::server
