#pragma once

#include <cstdint>
#include <string_view>

namespace replwire::runtime {

// The CRC-32C (Castagnoli) of bytes that come in pieces: begin with 0, and give the result of one
// piece to the next.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before);
// The same without the processor's own instruction.
std::uint32_t crc32c_by_tables(std::string_view bytes, std::uint32_t before);

}  // namespace replwire::runtime
