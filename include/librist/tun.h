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
 * Opens a TUN device, a network interface whose IP packets are read and written one at a time, without a header before them.
 * Linux only; needs the right to configure the network. Reading waits for a packet; a program that does not want
 * that sets O_NONBLOCK. The device is gone once its descriptor is closed, and closed when another program is executed.
 *
 * @param desired_name name to ask for, at most 15 bytes, "tun%d" for a free number; NULL or "" for the system's choice
 * @param actual_name name of the device; NULL if it does not matter
 * @param actual_name_len room in actual_name; -1 is returned if the name does not fit
 * @return descriptor, -1 on error (see errno)
 */
RIST_API
int rist_tun_open(const char *desired_name,
                  char *actual_name,
                  size_t actual_name_len);

/**
 * Closes a TUN device.
 *
 * @param fd descriptor from rist_tun_open()
 */
RIST_API void rist_tun_close(int fd);

/**
 * Reads an IP packet; one that is longer than the room for it is cut.
 *
 * @param fd descriptor from rist_tun_open()
 * @param buf gets the packet
 * @param buf_len room in buf
 * @return its length, -1 on error (see errno)
 */
RIST_API int rist_tun_read(int fd, uint8_t *buf, size_t buf_len);

/**
 * Writes an IP packet.
 *
 * @param fd descriptor from rist_tun_open()
 * @param buf the packet
 * @param buf_len its length
 * @return bytes written, -1 on error (see errno)
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
 * Gives a device an address, and the route to those that share its first bits.
 *
 * @param dev name of the device
 * @param ip IPv4 or IPv6 address, a number
 * @param prefix 0 to 32, or to 128 for IPv6
 * @return 0 on success, -1 on error (see errno)
 */
RIST_API int rist_tun_set_ip(const char *dev, const char *ip, int prefix);

/**
 * Sets the longest packet of a device.
 *
 * @param dev name of the device
 * @param mtu bytes
 * @return 0 on success, -1 on error (see errno)
 */
RIST_API int rist_tun_set_mtu(const char *dev, int mtu);

/**
 * Switches a device on.
 *
 * @param dev name of the device
 * @return 0 on success, -1 on error (see errno)
 */
RIST_API int rist_tun_bring_up(const char *dev);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LIBRIST_TUN_H */
