/*
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Made from src/capi by `RIST_BLESS=1 cargo test --test headers`.
 */

#ifndef LIBRIST_VERSION_H
#define LIBRIST_VERSION_H

#define LIBRIST_API_VERSION_MAJOR 4

#define LIBRIST_API_VERSION_MINOR 13

#define LIBRIST_API_VERSION_PATCH 0

/* MAJOR, MINOR and PATCH in one number, to compare with LIBRIST_API_VERSION. */
#define LIBRIST_MAKE_API_VERSION(major, minor, patch) ((patch) + ((minor) * 0x100) + ((major) * 0x10000))

#define LIBRIST_API_VERSION \
    LIBRIST_MAKE_API_VERSION(LIBRIST_API_VERSION_MAJOR, LIBRIST_API_VERSION_MINOR, LIBRIST_API_VERSION_PATCH)

#endif  /* LIBRIST_VERSION_H */
