#include "server/serve/hosted_session.h"

#include <utility>

#include "server/wire/session_writer.h"

namespace replwire::server {

HostedSession::HostedSession(const Common& common, const std::string& name, Shared shared,
                             const MakeLink& make_link, std::function<void(bool)> hold_reader,
                             OutsideSignals::Handler signalled)
    : capture_(common.io, shared.capture),
      outputs_(common.io, {common.writer, name}, capture_, common.options.output_buffer,
               shared.output),
      link_(make_link(common.io, outputs_)),
      stack_(common.io, *link_, shared.stack),
      session_({common.io, common.writer, outputs_, *link_, stack_, common.log, common.host, name},
               common.options, std::move(hold_reader)),
      signals_(common.io, std::move(shared.signals), std::move(signalled)) {}

}  // namespace replwire::server
