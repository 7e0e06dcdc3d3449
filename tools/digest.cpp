#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <memory>

#include "keel/tools/image_set.hpp"

namespace keel::tools {

std::string digest(const ImageSet& train, const ImageSet& test) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> hash{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
  bool ok = hash && EVP_DigestInit_ex(hash.get(), EVP_sha256(), nullptr) == 1;
  for (const auto* bytes : {&train.pixels, &train.labels, &test.pixels, &test.labels}) {
    ok = ok && EVP_DigestUpdate(hash.get(), bytes->data(), bytes->size()) == 1;
  }
  std::array<unsigned char, 32> sum{};
  ok = ok && EVP_DigestFinal_ex(hash.get(), sum.data(), nullptr) == 1;
  if (!ok) throw Error("OpenSSL failed to compute a SHA-256 digest");
  return fmt::format("{:02x}", fmt::join(sum, ""));
}

}  // namespace keel::tools
