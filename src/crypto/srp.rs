//! SRP-6a in the four ways that libRIST speaks it (TR-06-2:2022 Annex D).
//!
//! Two facts decide, and only the first shows on the wire: which SHA-256 the inner digests are made
//! with ([`HashGeneration`], by the EAPOL version), and whether numbers are padded in `k` and `u`
//! ([`Padding`], by libRIST's version). A verifier depends on the first only.

use super::secret::Secret;
use super::srp_group::Group;
use super::zero_iv;
use num_bigint::BigUint;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Longest salt (libRIST 0.2.16).
pub const MAX_SALT: usize = 64;

/// How the inner digest of the password and the two proofs are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashGeneration {
    /// libRIST up to 0.2.7: SHA-256 from a zeroed state.
    ZeroIv,
    /// libRIST 0.2.8 and later: SHA-256.
    Standard,
}

impl HashGeneration {
    /// As in the last field of a password file and in the look-up function of the API.
    pub fn number(self) -> u8 {
        match self {
            HashGeneration::ZeroIv => 0,
            HashGeneration::Standard => 1,
        }
    }

    fn digest(self, parts: &[&[u8]]) -> [u8; 32] {
        match self {
            HashGeneration::ZeroIv => zero_iv::digest(parts),
            HashGeneration::Standard => sha256(parts),
        }
    }
}

/// Whether numbers are widened to the length of the modulus before they are hashed into `k` and `u`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Padding {
    /// libRIST before 0.2.16; later with `srp-compat=1`.
    Unpadded,
    /// RFC 5054; libRIST 0.2.16 and later.
    #[default]
    Padded,
}

/// Why a value was refused. Each of them would make the login worthless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// Empty, or longer than [`MAX_SALT`].
    Salt,
    /// Zero, or not smaller than the modulus.
    Verifier,
    /// Zero modulo the modulus, or longer than it.
    PublicKey,
    /// The hash of both public keys is zero.
    Scrambler,
}

/// A proof of knowledge: M1 or M2.
pub type Proof = [u8; 32];

/// What a server stores instead of the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    pub group: Group,
    pub generation: HashGeneration,
    pub salt: Vec<u8>,
    /// Big-endian. Whoever has it can try passwords, so it is a secret too.
    pub value: Secret,
}

impl Verifier {
    /// Makes the verifier of a password. Slow, like all that calculates with the group.
    pub fn new(
        group: &Group,
        generation: HashGeneration,
        username: &[u8],
        password: &Secret,
        salt: &[u8],
    ) -> Result<Self, Error> {
        check_salt(salt)?;
        let x = private_key(generation, username, password, salt);
        let value = Zeroizing::new(group.generator().modpow(&x, group.modulus()).to_bytes_be());
        let value = Secret::new(&value);
        Ok(Self { group: group.clone(), generation, salt: salt.to_vec(), value })
    }

    /// What came from a file or an application.
    pub fn check(&self) -> Result<(), Error> {
        check_salt(&self.salt)?;
        self.number().map(drop)
    }

    fn number(&self) -> Result<BigUint, Error> {
        let value = BigUint::from_bytes_be(self.value.octets());
        let usable = value.bits() > 0 && value < *self.group.modulus();
        if usable { Ok(value) } else { Err(Error::Verifier) }
    }
}

/// The client's private exponent and what it makes public.
pub struct ClientKey {
    group: Group,
    private: Zeroizing<Vec<u8>>,
    public: Vec<u8>,
}

impl ClientKey {
    /// `private` are random octets, [`Group::exponent_octets`] of them or more.
    pub fn new(group: &Group, private: &[u8]) -> Self {
        let exponent = BigUint::from_bytes_be(private);
        let public = group.generator().modpow(&exponent, group.modulus()).to_bytes_be();
        Self { group: group.clone(), private: Zeroizing::new(private.to_vec()), public }
    }

    /// A: big-endian, without leading zeros.
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// Answers the server's public key.
    pub fn prove(
        &self,
        generation: HashGeneration,
        padding: Padding,
        username: &[u8],
        password: &Secret,
        salt: &[u8],
        server_public: &[u8],
    ) -> Result<ClientProof, Error> {
        check_salt(salt)?;
        let (n, g) = (self.group.modulus(), self.group.generator());
        let b_public = public_number(&self.group, server_public)?;
        let a_public = public_number(&self.group, &self.public)?;
        let u = scrambler(&self.group, padding, &a_public, &b_public)?;
        let x = private_key(generation, username, password, salt);
        let known = multiplier(&self.group, padding) * g.modpow(&x, n) % n;
        let base = (n + b_public.clone() % n - known) % n;
        let exponent = BigUint::from_bytes_be(&self.private) + u * x;
        let key = session_key(&base.modpow(&exponent, n));
        let transcript = Transcript { group: &self.group, generation, username, a: &a_public, b: &b_public };
        let m1 = transcript.m1(salt, &key);
        let m2 = transcript.m2(&m1, &key);
        Ok(ClientProof { m1, m2, key })
    }
}

/// The client's side of a login, waiting for the server's proof.
pub struct ClientProof {
    m1: Proof,
    m2: Proof,
    key: Secret,
}

impl ClientProof {
    /// M1, for the server.
    pub fn proof(&self) -> &Proof {
        &self.m1
    }

    /// The session key, if the server knew the verifier.
    pub fn confirm(&self, m2: &Proof) -> Option<&Secret> {
        bool::from(self.m2.ct_eq(m2)).then_some(&self.key)
    }
}

/// The server's side of a login, waiting for the client's proof.
pub struct ServerProof {
    public: Vec<u8>,
    candidates: Vec<(Proof, Proof)>,
    key: Secret,
}

impl ServerProof {
    /// Answers the client's public key. `private` as for [`ClientKey::new`].
    pub fn new(
        verifier: &Verifier,
        padding: Padding,
        username: &[u8],
        client_public: &[u8],
        private: &[u8],
    ) -> Result<Self, Error> {
        check_salt(&verifier.salt)?;
        let group = &verifier.group;
        let n = group.modulus();
        let v = verifier.number()?;
        let b = BigUint::from_bytes_be(private);
        let a_public = public_number(group, client_public)?;
        let b_public = (multiplier(group, padding) * &v + group.generator().modpow(&b, n)) % n;
        let public = b_public.to_bytes_be();
        public_number(group, &public)?;
        let u = scrambler(group, padding, &a_public, &b_public)?;
        let base = &a_public % n * v.modpow(&u, n) % n;
        let key = session_key(&base.modpow(&b, n));
        let transcript = Transcript { group, generation: verifier.generation, username, a: &a_public, b: &b_public };
        let candidates = salts(&verifier.salt).map(|salt| {
            let m1 = transcript.m1(salt, &key);
            (m1, transcript.m2(&m1, &key))
        });
        Ok(Self { public, candidates: candidates.collect(), key })
    }

    /// B: big-endian, without leading zeros.
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// M2 and the session key, if the client knew the password.
    pub fn confirm(&self, m1: &Proof) -> Option<(Proof, &Secret)> {
        let found = self.candidates.iter().find(|(expected, _)| bool::from(expected.ct_eq(m1)));
        found.map(|(_, m2)| (*m2, &self.key))
    }
}

/// What both proofs are made of.
struct Transcript<'a> {
    group: &'a Group,
    generation: HashGeneration,
    username: &'a [u8],
    a: &'a BigUint,
    b: &'a BigUint,
}

impl Transcript<'_> {
    /// Flat, not nested as TR-06-2:2022 §D.6 can be read.
    fn m1(&self, salt: &[u8], key: &Secret) -> Proof {
        let mut group = sha256(&[&self.group.modulus_octets()]);
        for (octet, other) in group.iter_mut().zip(sha256(&[&self.group.generator_octets()])) {
            *octet ^= other;
        }
        let username = sha256(&[self.username]);
        let (a, b) = (self.a.to_bytes_be(), self.b.to_bytes_be());
        self.generation.digest(&[&group, &username, salt, &a, &b, key.octets()])
    }

    fn m2(&self, m1: &Proof, key: &Secret) -> Proof {
        self.generation.digest(&[&self.a.to_bytes_be(), m1, key.octets()])
    }
}

/// The salt, and the salt as libRIST before 0.2.16 hashes it: a number, which has no leading zeros.
fn salts(salt: &[u8]) -> impl Iterator<Item = &[u8]> {
    let zeros = salt.iter().take_while(|octet| **octet == 0).count();
    [Some(salt), (zeros > 0).then(|| &salt[zeros..])].into_iter().flatten()
}

fn check_salt(salt: &[u8]) -> Result<(), Error> {
    if (1..=MAX_SALT).contains(&salt.len()) { Ok(()) } else { Err(Error::Salt) }
}

fn public_number(group: &Group, octets: &[u8]) -> Result<BigUint, Error> {
    let number = if octets.len() <= group.octets() { BigUint::from_bytes_be(octets) } else { BigUint::default() };
    let usable = (&number % group.modulus()).bits() > 0;
    if usable { Ok(number) } else { Err(Error::PublicKey) }
}

fn private_key(generation: HashGeneration, username: &[u8], password: &Secret, salt: &[u8]) -> BigUint {
    let inner = Zeroizing::new(generation.digest(&[username, b":", password.octets()]));
    let outer = Zeroizing::new(sha256(&[salt, &*inner]));
    BigUint::from_bytes_be(&*outer)
}

fn multiplier(group: &Group, padding: Padding) -> BigUint {
    hash_pair(group, padding, group.modulus(), group.generator())
}

fn scrambler(group: &Group, padding: Padding, a: &BigUint, b: &BigUint) -> Result<BigUint, Error> {
    let u = hash_pair(group, padding, a, b);
    if u.bits() > 0 { Ok(u) } else { Err(Error::Scrambler) }
}

fn hash_pair(group: &Group, padding: Padding, one: &BigUint, other: &BigUint) -> BigUint {
    let width = match padding {
        Padding::Unpadded => 0,
        Padding::Padded => group.octets(),
    };
    let widened = |number: &BigUint| {
        let octets = number.to_bytes_be();
        [vec![0; width.saturating_sub(octets.len())], octets].concat()
    };
    BigUint::from_bytes_be(&sha256(&[&widened(one), &widened(other)]))
}

fn session_key(premaster: &BigUint) -> Secret {
    let premaster = Zeroizing::new(premaster.to_bytes_be());
    Secret::new(&*Zeroizing::new(sha256(&[&premaster])))
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
#[path = "srp_tests.rs"]
mod tests;
