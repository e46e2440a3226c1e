/*
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Made from src/capi by `RIST_BLESS=1 cargo test --test headers`.
 */

#ifndef LIBRIST_TUN_H
#define LIBRIST_TUN_H

#include <stddef.h>
#include <stdint.h>
#include "common.h"

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Opens a TUN device.
 *
 * Not yet available: -1.
 *
 * @param desired_name name to ask for, or NULL
 * @param[out] actual_name name of the device
 * @param actual_name_len room in actual_name
 * @return descriptor, -1 on error
 */
RIST_API int rist_tun_open(const char *desired_name, char *actual_name, size_t actual_name_len);

/**
 * Closes a TUN device.
 */
RIST_API void rist_tun_close(int fd);

/**
 * Reads an IP packet.
 *
 * Not yet available: -1.
 *
 * @return its length, -1 on error
 */
RIST_API int rist_tun_read(int fd, uint8_t *buf, size_t buf_len);

/**
 * Writes an IP packet.
 *
 * Not yet available: -1.
 *
 * @return bytes written, -1 on error
 */
RIST_API int rist_tun_write(int fd, const uint8_t *buf, size_t buf_len);

/**
 * Takes an address with prefix length apart, such as 10.0.0.1/24 or fd00::1/64.
 *
 * @param cidr text; without a prefix length it is that of a single address
 * @param[out] ip the address
 * @param ip_len room in ip
 * @param[out] prefix 0 to 32, or to 128 for IPv6
 * @return 0 on success, -1 on error
 */
RIST_API int rist_tun_parse_cidr(const char *cidr, char *ip, size_t ip_len, int *prefix);

/**
 * Gives a device an address.
 *
 * Not yet available: -1.
 *
 * @param prefix 0 to 32, or to 128 for IPv6
 * @return 0 on success, -1 on error
 */
RIST_API int rist_tun_set_ip(const char *dev, const char *ip, int prefix);

/**
 * Sets the greatest packet of a device.
 *
 * Not yet available: -1.
 *
 * @return 0 on success, -1 on error
 */
RIST_API int rist_tun_set_mtu(const char *dev, int mtu);

/**
 * Switches a device on.
 *
 * Not yet available: -1.
 *
 * @return 0 on success, -1 on error
 */
RIST_API int rist_tun_bring_up(const char *dev);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LIBRIST_TUN_H */
