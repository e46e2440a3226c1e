/* 1: librist_srp.h declares its functions. Headers before libRIST 0.2.8 had the second name. */
#define HAVE_SRP_SUPPORT 1
#define HAVE_MBEDTLS 1
