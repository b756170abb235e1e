#include "server/survive/outbox.h"

#include "server/survive/framed.h"
#include "server/survive/sending.h"

namespace replwire::server::survive {

void Outbox::connect(Descriptor socket) {
  const std::lock_guard lock(mutex_);
  socket_.emplace(io_, socket.release());
  bytes_.clear();
  waits_ = false;
}

void Outbox::add(std::string_view body) {
  const std::lock_guard lock(mutex_);
  bytes_ += framed(body);
}

void Outbox::flush() {
  const std::lock_guard lock(mutex_);
  if (!waits_) send();
}

void Outbox::send() {
  while (!bytes_.empty() && socket_) {
    const ssize_t sent = send_some(socket_->native_handle(), bytes_, {}, MSG_DONTWAIT);
    if (sent > 0) {
      bytes_.erase(0, static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      waits_ = true;
      return socket_->async_wait(asio::posix::stream_descriptor::wait_write,
                                 [this](const boost::system::error_code& error) {
                                   if (error) return;
                                   const std::lock_guard lock(mutex_);
                                   waits_ = false;
                                   send();
                                 });
    } else if (errno != EINTR) {
      return bytes_.clear();  // its reader is dead
    }
  }
}

}  // namespace replwire::server::survive
