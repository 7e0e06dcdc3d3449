#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace keel::tools {

/// The SHA-256 digest (FIPS 180-4) of bytes that come piece by piece. Throws Error if OpenSSL fails.
class Sha256 {
 public:
  Sha256();

  void add(std::span<const std::uint8_t> bytes);

  /// The digest of all bytes added, 64 hexadecimal digits. Ends the digest: call it once.
  [[nodiscard]] std::string hex();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace keel::tools
