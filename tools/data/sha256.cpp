#include "keel/tools/data/sha256.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

#include "keel/runtime/error.hpp"

namespace keel::tools {
namespace {

void require(bool ok) {
  if (!ok) throw Error{"OpenSSL failed to compute a SHA-256 digest"};
}

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  require(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
}

void Sha256::Free::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

void Sha256::add(std::span<const std::uint8_t> bytes) {
  require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

std::string Sha256::hex() {
  std::array<unsigned char, 32> sum{};
  require(EVP_DigestFinal_ex(context_.get(), sum.data(), nullptr) == 1);
  return fmt::format("{:02x}", fmt::join(sum, ""));
}

}  // namespace keel::tools
