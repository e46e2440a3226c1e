//! EAP packets of the method SRP-SHA256 (RFC 3748 §4; TR-06-2:2022 Annex D).

use super::bytes::Reader;
use super::{Error, Result};

const REQUEST: u8 = 1;
const RESPONSE: u8 = 2;
const SUCCESS: u8 = 3;
const FAILURE: u8 = 4;

const IDENTITY: u8 = 1;
const SRP: u8 = 0x13;

const CHALLENGE_OR_CLIENT_KEY: u8 = 1;
const SERVER_KEY_OR_CLIENT_VALIDATOR: u8 = 2;
const SERVER_VALIDATOR: u8 = 3;
const PASSPHRASE: u8 = 0x10;

/// Length of the header: code, identifier, length.
const HEADER: usize = 4;
/// Longest user name, of EAP as of libRIST.
pub const MAX_USERNAME: usize = 255;
/// Longest salt, modulus and public key that libRIST 0.2.16 and later handles.
const MAX_SALT: usize = 64;
const MAX_NUMBER: usize = 1024;
/// "The sender encrypts with the key of this login" in the fourth octet before a proof.
const USE_KEY: u8 = 1;

/// One packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Eap<'a> {
    /// Ties a response, a success or a failure to what it answers.
    pub identifier: u8,
    pub message: Message<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'a> {
    /// Server: who are you?
    IdentityRequest,
    /// 1 to 255 octets, no NUL.
    IdentityResponse(&'a [u8]),
    Challenge(Challenge<'a>),
    /// A, big-endian.
    ClientKey(&'a [u8]),
    /// B, big-endian.
    ServerKey(&'a [u8]),
    ClientValidator(Validator<'a>),
    ServerValidator(Validator<'a>),
    /// The client has checked the server's proof (EAPOL version 2; later versions send a success).
    ValidatorAcknowledged,
    PassphraseRequest,
    PassphraseResponse(Passphrase<'a>),
    Success {
        /// Two octets of zeros follow, as in libRIST's answer to the server's proof.
        long: bool,
    },
    Failure,
}

/// What the client calculates with. TR-06-2:2022 figure 26 draws 8-bit lengths; libRIST has 16 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge<'a> {
    /// Of the server; empty in libRIST.
    pub name: &'a [u8],
    pub salt: &'a [u8],
    /// Generator and modulus; the 2048-bit group of RFC 5054 if both are missing.
    pub group: Option<(&'a [u8], &'a [u8])>,
}

/// A proof. All flags but the last are zero, or stale memory in libRIST 0.2.7.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validator<'a> {
    pub use_key: bool,
    pub proof: &'a [u8; 32],
}

/// A passphrase, or word that there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passphrase<'a> {
    pub flags: u8,
    /// Cipher text; since EAPOL version 4 a nonce, cipher text and tag.
    pub sealed: &'a [u8],
}

impl Passphrase<'_> {
    /// "Use the key of the login": no passphrase follows.
    pub const USE_KEY: u8 = 0x80;
    /// The passphrase is encrypted with 256 bits.
    pub const LONG_KEY: u8 = 0x40;
}

/// `packet` is the whole body of an EAPOL frame, no more and no less.
pub(super) fn decode(packet: &[u8]) -> Result<Eap<'_>> {
    let mut body = Reader::new(packet);
    let code = body.u8()?;
    let identifier = body.u8()?;
    if usize::from(body.u16()?) != packet.len() {
        return Err(Error::Malformed);
    }
    let message = match code {
        REQUEST => request(&mut body)?,
        RESPONSE => response(&mut body)?,
        SUCCESS => match body.rest().len() {
            0 => Message::Success { long: false },
            2 => Message::Success { long: true },
            _ => return Err(Error::Malformed),
        },
        FAILURE if body.is_empty() => Message::Failure,
        FAILURE => return Err(Error::Malformed),
        _ => return Err(Error::Unsupported),
    };
    Ok(Eap { identifier, message })
}

fn request<'a>(body: &mut Reader<'a>) -> Result<Message<'a>> {
    match body.u8()? {
        // A text for the user may follow (RFC 3748 §5.1).
        IDENTITY => return Ok(Message::IdentityRequest),
        SRP => {}
        _ => return Err(Error::Unsupported),
    }
    Ok(match body.u8()? {
        CHALLENGE_OR_CLIENT_KEY => Message::Challenge(challenge(body)?),
        SERVER_KEY_OR_CLIENT_VALIDATOR => Message::ServerKey(number(body.rest())?),
        SERVER_VALIDATOR => Message::ServerValidator(validator(body)?),
        PASSPHRASE => Message::PassphraseRequest,
        _ => return Err(Error::Unsupported),
    })
}

fn response<'a>(body: &mut Reader<'a>) -> Result<Message<'a>> {
    match body.u8()? {
        IDENTITY => {
            let name = body.rest();
            let usable = (1..=MAX_USERNAME).contains(&name.len()) && !name.contains(&0);
            return if usable { Ok(Message::IdentityResponse(name)) } else { Err(Error::Malformed) };
        }
        SRP => {}
        _ => return Err(Error::Unsupported),
    }
    Ok(match body.u8()? {
        CHALLENGE_OR_CLIENT_KEY => Message::ClientKey(number(body.rest())?),
        SERVER_KEY_OR_CLIENT_VALIDATOR => Message::ClientValidator(validator(body)?),
        SERVER_VALIDATOR => Message::ValidatorAcknowledged,
        PASSPHRASE => Message::PassphraseResponse(Passphrase { flags: body.u8()?, sealed: body.rest() }),
        _ => return Err(Error::Unsupported),
    })
}

fn challenge<'a>(body: &mut Reader<'a>) -> Result<Challenge<'a>> {
    let mut field = || {
        let length = body.u16()?;
        body.take(usize::from(length))
    };
    let (name, salt, generator) = (field()?, field()?, field()?);
    let modulus = body.rest();
    if !(1..=MAX_SALT).contains(&salt.len()) {
        return Err(Error::Malformed);
    }
    let group = match (generator.is_empty(), modulus.is_empty()) {
        (true, true) => None,
        (false, false) => Some((number(generator)?, number(modulus)?)),
        _ => return Err(Error::Malformed),
    };
    Ok(Challenge { name, salt, group })
}

fn number(octets: &[u8]) -> Result<&[u8]> {
    if (1..=MAX_NUMBER).contains(&octets.len()) { Ok(octets) } else { Err(Error::Malformed) }
}

fn validator<'a>(body: &mut Reader<'a>) -> Result<Validator<'a>> {
    let flags = body.take(4)?;
    let proof = body.rest().try_into().map_err(|_| Error::Malformed)?;
    Ok(Validator { use_key: flags[3] & USE_KEY != 0, proof })
}

/// Appends a packet.
pub(super) fn write(out: &mut Vec<u8>, packet: &Eap) {
    let start = out.len();
    let (code, kind): (u8, &[u8]) = match packet.message {
        Message::IdentityRequest => (REQUEST, &[IDENTITY]),
        Message::IdentityResponse(_) => (RESPONSE, &[IDENTITY]),
        Message::Challenge(_) => (REQUEST, &[SRP, CHALLENGE_OR_CLIENT_KEY]),
        Message::ClientKey(_) => (RESPONSE, &[SRP, CHALLENGE_OR_CLIENT_KEY]),
        Message::ServerKey(_) => (REQUEST, &[SRP, SERVER_KEY_OR_CLIENT_VALIDATOR]),
        Message::ClientValidator(_) => (RESPONSE, &[SRP, SERVER_KEY_OR_CLIENT_VALIDATOR]),
        Message::ServerValidator(_) => (REQUEST, &[SRP, SERVER_VALIDATOR]),
        Message::ValidatorAcknowledged => (RESPONSE, &[SRP, SERVER_VALIDATOR]),
        Message::PassphraseRequest => (REQUEST, &[SRP, PASSPHRASE]),
        Message::PassphraseResponse(_) => (RESPONSE, &[SRP, PASSPHRASE]),
        Message::Success { .. } => (SUCCESS, &[]),
        Message::Failure => (FAILURE, &[]),
    };
    out.extend_from_slice(&[code, packet.identifier, 0, 0]);
    out.extend_from_slice(kind);
    match &packet.message {
        Message::IdentityResponse(octets) | Message::ClientKey(octets) | Message::ServerKey(octets) => {
            out.extend_from_slice(octets);
        }
        Message::Challenge(challenge) => write_challenge(out, challenge),
        Message::ClientValidator(validator) | Message::ServerValidator(validator) => {
            out.extend_from_slice(&[0, 0, 0, u8::from(validator.use_key) * USE_KEY]);
            out.extend_from_slice(validator.proof);
        }
        Message::PassphraseResponse(passphrase) => {
            out.push(passphrase.flags);
            out.extend_from_slice(passphrase.sealed);
        }
        Message::Success { long: true } => out.extend_from_slice(&[0, 0]),
        Message::Success { long: false }
        | Message::IdentityRequest
        | Message::ValidatorAcknowledged
        | Message::PassphraseRequest
        | Message::Failure => {}
    }
    debug_assert!(out.len() >= start + HEADER);
    // A packet too long for the field is too long for the frame, which is then not written.
    let length = u16::try_from(out.len() - start).unwrap_or(u16::MAX);
    out[start + 2..start + 4].copy_from_slice(&length.to_be_bytes());
}

fn write_challenge(out: &mut Vec<u8>, challenge: &Challenge) {
    let (generator, modulus) = challenge.group.unwrap_or_default();
    for field in [challenge.name, challenge.salt, generator] {
        let field = &field[..field.len().min(usize::from(u16::MAX))];
        out.extend_from_slice(&(field.len() as u16).to_be_bytes());
        out.extend_from_slice(field);
    }
    out.extend_from_slice(modulus);
}
