/*
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Made from src/capi by `RIST_BLESS=1 cargo test --test headers`.
 */

#ifndef _LIBRIST_SRP_H_
#define _LIBRIST_SRP_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "librist_config.h"
#include "librist.h"

/**
 * Looks a user up, with one kind of verifier only. See user_verifier_lookup_2_t.
 */
typedef void (*user_verifier_lookup_t)(char *username,
                                       size_t *verifier_len,
                                       char **verifier,
                                       size_t *salt_len,
                                       char **salt,
                                       bool *use_default_2048_bit_n_modulus,
                                       char **n_modulus_ascii,
                                       char **generator_ascii,
                                       void *user_data);

/**
 * What is known of a user. All memory comes from malloc() and becomes the library's.
 */
struct librist_verifier_lookup_data {
    size_t verifier_len;
    uint8_t *verifier;
    size_t salt_len;
    uint8_t *salt;
    /**
     * The usual group of 2048 bits; the two texts are NULL then.
     */
    bool default_ng;
    /**
     * Hexadecimal.
     */
    char *n_modulus_ascii;
    char *generator_ascii;
};

typedef struct librist_verifier_lookup_data librist_verifier_lookup_data_t;

/**
 * Looks a user up. Leaves lookup_data empty if there is none.
 *
 * @param username who wants to come in
 * @param lookup_data answer; NULL if only generation is asked for
 * @param hashversion 1 for the verifiers of libRIST 0.2.8 and later, 0 for older ones; may be changed
 * @param generation a number that changes when the answer does
 * @param user_data as given to rist_enable_eap_srp_2()
 */
typedef void (*user_verifier_lookup_2_t)(char *username,
                                         librist_verifier_lookup_data_t *lookup_data,
                                         int *hashversion,
                                         uint64_t *generation,
                                         void *user_data);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * As rist_enable_eap_srp_2(), with the older kind of look-up, whose verifiers are those of libRIST before 0.2.8.
 */
RIST_API
RIST_DEPRECATED
int rist_enable_eap_srp(struct rist_peer *peer,
                        const char *username,
                        const char *password,
                        user_verifier_lookup_t lookup_func,
                        void *userdata);

/**
 * Makes a peer log in, if it calls, or asks callers to, if it listens. At any time; who is connected has to log in
 * then. Until it has, a peer neither gets nor gives anything.
 *
 * @param peer a peer made by rist_peer_create()
 * @param username for a peer that calls, or the only user of one that listens; 1 to 255 bytes
 * @param password of that user, 1 to 255 bytes
 * @param lookup_func for a peer that listens; called from the library's threads
 * @param userdata handed to lookup_func
 * @return 0 on success; RIST_ERR_NULL_PEER; RIST_ERR_INVALID_PROFILE in the Simple profile;
 * RIST_ERR_NULL_CREDENTIALS; RIST_ERR_INVALID_STRING_LENGTH; RIST_ERR_MISSING_CALLBACK_FUNCTION; -1 otherwise
 */
RIST_API
int rist_enable_eap_srp_2(struct rist_peer *peer,
                          const char *username,
                          const char *password,
                          user_verifier_lookup_2_t lookup_func,
                          void *userdata);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* _LIBRIST_SRP_H_ */
