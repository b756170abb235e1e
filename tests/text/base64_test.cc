#include "text/base64.h"

#include <gtest/gtest.h>

namespace replwire::text {
namespace {

// RFC 4648, section 10.
TEST(Base64Test, TheExamplesOfTheStandard) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
  EXPECT_EQ(base64("fooba"), "Zm9vYmE=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

TEST(Base64Test, BytesAreNotSigned) { EXPECT_EQ(base64("\xFF\xFE\xFD"), "//79"); }

TEST(Base64Test, BackToBytes) {
  for (const std::string bytes : {"", "f", "fo", "foo", "foob", "\xFF\xFE\xFD"})
    EXPECT_EQ(from_base64(base64(bytes)), bytes);
  EXPECT_EQ(from_base64("Zg"), "f") << "padding may be missing";
  for (const char* text : {"A", "Zg=", "Zg===", "=", "Zm9v Zg==", "Zm-_", "Z*8=", "===="})
    EXPECT_EQ(from_base64(text), std::nullopt) << text;
}

}  // namespace
}  // namespace replwire::text
