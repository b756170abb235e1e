#pragma once

#include <string>
#include <utility>
#include <variant>

#include "runtime/link.h"

namespace replwire::server {

// To be told nothing is better than no reply.
inline runtime::InquiryReply no_answer(const runtime::Inquiry& inquiry, std::string fault) {
  struct Nothing {
    using Answer = decltype(runtime::InquiryReply::answer);
    Answer operator()(const runtime::Complete&) const { return runtime::Completions(); }
    Answer operator()(const runtime::Inspect&) const { return runtime::Inspection(); }
    Answer operator()(const runtime::IsComplete&) const { return runtime::Completeness(); }
    Answer operator()(const runtime::Variables&) const { return runtime::VariableList(); }
    Answer operator()(const runtime::Debug&) const { return runtime::Listening(); }
  };
  return {inquiry.number, std::visit(Nothing(), inquiry.subject), std::move(fault)};
}

}  // namespace replwire::server
