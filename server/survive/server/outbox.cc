#include "server/survive/server/outbox.h"

#include <fcntl.h>

#include "server/survive/wire/inbox.h"
#include "server/survive/wire/sending.h"

namespace replwire::server::survive {

void Outbox::connect(Descriptor socket) {
  const std::lock_guard lock(mutex_);
  waiting_.reset();
  socket_ = std::move(socket);
  bytes_.clear();
}

void Outbox::add(std::string_view body) {
  const std::lock_guard lock(mutex_);
  bytes_ += framed(body);
}

void Outbox::flush() {
  const std::lock_guard lock(mutex_);
  if (!waiting_) send();
}

void Outbox::send() {
  while (!bytes_.empty() && socket_) {
    const ssize_t sent = send_some(socket_.get(), bytes_, {}, MSG_DONTWAIT);
    if (sent > 0) {
      bytes_.erase(0, static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      return wait_for_room();
    } else if (errno != EINTR) {
      return bytes_.clear();  // its reader is dead
    }
  }
}

void Outbox::wait_for_room() {
  waiting_.emplace(io_, ::fcntl(socket_.get(), F_DUPFD_CLOEXEC, 3));
  waiting_->async_wait(asio::posix::stream_descriptor::wait_write,
                       [this](const boost::system::error_code& error) {
                         if (error) return;
                         const std::lock_guard lock(mutex_);
                         waiting_.reset();
                         send();
                       });
}

}  // namespace replwire::server::survive
