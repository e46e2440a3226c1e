/*
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Made from src/capi by `RIST_BLESS=1 cargo test --test headers`.
 */

#ifndef LIBRIST_CONFIG_H
#define LIBRIST_CONFIG_H


/* 1: librist_srp.h declares its functions. Headers before libRIST 0.2.8 had the second name. */
#define HAVE_SRP_SUPPORT 1
#define HAVE_MBEDTLS 1

#endif  /* LIBRIST_CONFIG_H */
