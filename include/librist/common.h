/*
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Made from src/capi by `RIST_BLESS=1 cargo test --test headers`.
 */

#ifndef RIST_COMMON_H
#define RIST_COMMON_H


#if defined(_WIN32)
#if defined(LIBRIST_BUILDING_DLL)
#define RIST_API __declspec(dllexport)
#else
#define RIST_API
#endif
#elif defined(__GNUC__) && __GNUC__ >= 4
#define RIST_API __attribute__((visibility("default")))
#else
#define RIST_API
#endif

#if defined(__GNUC__)
#define RIST_DEPRECATED __attribute__((deprecated))
#elif defined(_MSC_VER)
#define RIST_DEPRECATED __declspec(deprecated)
#else
#define RIST_DEPRECATED
#endif

#endif  /* RIST_COMMON_H */
