#pragma once
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

// What Swift cannot import: macros, and parameter arrays that hold pointers into themselves.

static inline int crypto_hmac_sha256_init(EVP_MAC_CTX *context, const unsigned char *key, size_t key_bytes) {
    OSSL_PARAM parameters[2] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_init(context, key, key_bytes, parameters);
}

static inline int crypto_gcm_get_tag(EVP_CIPHER_CTX *context, unsigned char *tag, int tag_bytes) {
    return EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, tag_bytes, tag);
}

static inline int crypto_gcm_set_tag(EVP_CIPHER_CTX *context, const unsigned char *tag, int tag_bytes) {
    return EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, tag_bytes, (void *)tag);
}
