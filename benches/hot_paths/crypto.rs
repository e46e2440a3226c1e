//! A media packet under a pre-shared key. Counter mode decrypts as it encrypts.

use criterion::{Criterion, Throughput};
use rist::crypto::psk::{Cipher, KeySize, counter_block};
use rist::crypto::secret::Secret;
use std::hint::black_box;

const OCTETS: usize = 1316;

pub(crate) fn ciphers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encrypt or decrypt 1316 bytes");
    group.throughput(Throughput::Bytes(OCTETS as u64));
    for (name, size) in [("AES-128", KeySize::Aes128), ("AES-256", KeySize::Aes256)] {
        let cipher = Cipher::derive(&Secret::new(b"a passphrase"), [1, 2, 3, 4], size);
        let mut octets = [0x47; OCTETS];
        let mut sequence = 0u32;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                sequence = sequence.wrapping_add(1);
                cipher.apply(&counter_block(black_box(sequence)), black_box(&mut octets));
            });
        });
    }
    group.finish();
}
