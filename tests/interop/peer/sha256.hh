// SHA-256 by OpenSSL, so that both ends compare what they sent with what arrived.
#pragma once

#include <span>
#include <string>
#include <utility>

#include <openssl/evp.h>

#include "tern/int.hh"

namespace tern::peer {

class Sha256 {
public:
    Sha256() { EVP_DigestInit_ex(context_, EVP_sha256(), nullptr); }
    Sha256(Sha256&& o) noexcept : context_(std::exchange(o.context_, nullptr)) {}
    Sha256& operator=(Sha256&& o) noexcept {
        std::swap(context_, o.context_);
        return *this;
    }
    ~Sha256() { EVP_MD_CTX_free(context_); }

    void add(std::span<const std::byte> bytes) {
        EVP_DigestUpdate(context_, bytes.data(), bytes.size());
    }
    // Of the bytes so far; more may follow.
    std::string hex() const {
        EVP_MD_CTX* copy = EVP_MD_CTX_new();
        EVP_MD_CTX_copy_ex(copy, context_);
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned size = 0;
        EVP_DigestFinal_ex(copy, digest, &size);
        EVP_MD_CTX_free(copy);
        constexpr char k_hex[] = "0123456789abcdef";
        std::string text;
        for (unsigned i = 0; i < size; ++i) {
            text += k_hex[digest[i] >> 4];
            text += k_hex[digest[i] & 15];
        }
        return text;
    }

private:
    EVP_MD_CTX* context_ = EVP_MD_CTX_new();
};

}  // namespace tern::peer
