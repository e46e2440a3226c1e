/**
 * Writes the defaults into a structure of this header's version. Zero it first: fields without a default stay.
 *
 * @param peer_config structure
 * @return 0 on success, -1 on error
 */
#if defined(__cplusplus) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 199901L)
static inline int rist_peer_config_defaults_set(struct rist_peer_config *peer_config)
{
    return rist_peer_config_defaults_set_versioned(peer_config, RIST_PEER_CONFIG_VERSION);
}
#else
#define rist_peer_config_defaults_set(peer_config) \
    rist_peer_config_defaults_set_versioned(peer_config, RIST_PEER_CONFIG_VERSION)
#endif
