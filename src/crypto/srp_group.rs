//! The modulus and generator that SRP calculates with.

use num_bigint::BigUint;
use srp::groups;
use srp::types::SrpGroup;
use std::fmt;
use std::sync::Arc;

/// Shortest and longest modulus in octets, as libRIST 0.2.16 and later.
const MODULUS: std::ops::RangeInclusive<usize> = 128..=1024;

/// A group: one of RFC 5054, or one that somebody chose. A clone is cheap.
#[derive(Clone, PartialEq, Eq)]
pub struct Group(Kind);

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    Known(Number),
    Custom(Arc<Custom>),
}

/// The groups of RFC 5054 that libRIST numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Bits1024,
    Bits2048,
    Bits4096,
    Bits8192,
}

struct Custom(SrpGroup);

impl PartialEq for Custom {
    fn eq(&self, other: &Self) -> bool {
        self.0.n == other.0.n && self.0.g == other.0.g
    }
}

impl Eq for Custom {}

/// Not a group that one could calculate with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadGroup;

/// The 2048-bit group, which the wire signals by naming none.
impl Default for Group {
    fn default() -> Self {
        Self(Kind::Known(Number::Bits2048))
    }
}

impl Group {
    /// By libRIST's number, as in the fourth field of its password files: 2 to 5.
    pub fn numbered(number: u32) -> Option<Self> {
        let number = match number {
            2 => Number::Bits1024,
            3 => Number::Bits2048,
            4 => Number::Bits4096,
            5 => Number::Bits8192,
            _ => return None,
        };
        Some(Self(Kind::Known(number)))
    }

    /// From big-endian octets; leading zeros do not count.
    pub fn from_octets(modulus: &[u8], generator: &[u8]) -> Result<Self, BadGroup> {
        // A length that the number cannot lose must not cost a conversion.
        if modulus.len() > 2 * MODULUS.end() || generator.len() > 2 * MODULUS.end() {
            return Err(BadGroup);
        }
        Self::custom(BigUint::from_bytes_be(modulus), BigUint::from_bytes_be(generator))
    }

    /// From hexadecimal text, as `librist_verifier_lookup_data` has it. White space is skipped.
    pub fn from_hex(modulus: &str, generator: &str) -> Result<Self, BadGroup> {
        let number = |text: &str| {
            let digits: Vec<u8> = text.bytes().filter(|octet| !octet.is_ascii_whitespace()).collect();
            let fits = digits.len() <= 4 * MODULUS.end() && digits.iter().all(u8::is_ascii_hexdigit);
            if fits { BigUint::parse_bytes(&digits, 16).ok_or(BadGroup) } else { Err(BadGroup) }
        };
        Self::custom(number(modulus)?, number(generator)?)
    }

    fn custom(n: BigUint, g: BigUint) -> Result<Self, BadGroup> {
        let octets = n.bits().div_ceil(8) as usize;
        let one = BigUint::from(1u8);
        if !MODULUS.contains(&octets) || !n.bit(0) || g <= one || g >= n {
            return Err(BadGroup);
        }
        let default = Self::default();
        if *default.modulus() == n && *default.generator() == g {
            return Ok(default);
        }
        Ok(Self(Kind::Custom(Arc::new(Custom(SrpGroup { n, g })))))
    }

    /// Any numbers: TR-06-2:2022 §D.9 calculates with 512 bits.
    #[cfg(test)]
    pub(crate) fn unchecked(modulus: &[u8], generator: &[u8]) -> Self {
        let (n, g) = (BigUint::from_bytes_be(modulus), BigUint::from_bytes_be(generator));
        Self(Kind::Custom(Arc::new(Custom(SrpGroup { n, g }))))
    }

    pub(super) fn parameters(&self) -> &SrpGroup {
        match &self.0 {
            Kind::Known(Number::Bits1024) => &groups::G_1024,
            Kind::Known(Number::Bits2048) => &groups::G_2048,
            Kind::Known(Number::Bits4096) => &groups::G_4096,
            Kind::Known(Number::Bits8192) => &groups::G_8192,
            Kind::Custom(custom) => &custom.0,
        }
    }

    pub(super) fn modulus(&self) -> &BigUint {
        &self.parameters().n
    }

    pub(super) fn generator(&self) -> &BigUint {
        &self.parameters().g
    }

    /// Whether it is the group that need not be named.
    pub fn is_default(&self) -> bool {
        self.0 == Kind::Known(Number::Bits2048)
    }

    /// Big-endian, without leading zeros.
    pub fn modulus_octets(&self) -> Vec<u8> {
        self.modulus().to_bytes_be()
    }

    /// Big-endian, without leading zeros.
    pub fn generator_octets(&self) -> Vec<u8> {
        self.generator().to_bytes_be()
    }

    /// How long the modulus is, in octets.
    pub fn octets(&self) -> usize {
        self.modulus().bits().div_ceil(8) as usize
    }

    /// How long a private exponent should be: at least 256 bits (TR-06-2:2022 §D.5), and twice the
    /// strength that a longer modulus gives. The other side cannot tell.
    pub fn exponent_octets(&self) -> usize {
        (self.octets() / 8).max(32)
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Group({} bits)", self.modulus().bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::values;

    #[test]
    fn the_numbered_groups_are_those_of_rfc_5054() {
        let expected = [(2, 1024, 2u8), (3, 2048, 2), (4, 4096, 5), (5, 8192, 19)];
        for (number, bits, generator) in expected {
            let group = Group::numbered(number).expect("a number of libRIST");
            assert_eq!((group.modulus().bits(), group.generator_octets()), (bits, vec![generator]));
        }
        assert!([0, 1, 6].iter().all(|number| Group::numbered(*number).is_none()));
        let listed = values("srp-2048-std-padded");
        assert_eq!(Group::default().modulus_octets(), listed["N"]);
        assert_eq!(Group::from_octets(&listed["N"], &listed["g"]), Ok(Group::default()));
    }

    #[test]
    fn bounds_are_kept() {
        let odd = |octets: usize| [vec![0xff; octets]].concat();
        assert!(Group::from_octets(&odd(128), &[2]).is_ok());
        assert!(Group::from_octets(&odd(1024), &[5]).is_ok());
        assert_eq!(Group::from_octets(&odd(127), &[2]), Err(BadGroup));
        assert_eq!(Group::from_octets(&odd(1025), &[2]), Err(BadGroup));
        assert_eq!(Group::from_octets(&[], &[2]), Err(BadGroup));
        let even = [vec![0xff; 255], vec![0xfe]].concat();
        assert_eq!(Group::from_octets(&even, &[2]), Err(BadGroup));
        for generator in [&[][..], &[0], &[1], &odd(256), &odd(300)] {
            assert_eq!(Group::from_octets(&odd(256), generator), Err(BadGroup));
        }
    }

    #[test]
    fn hexadecimal_text_is_read() {
        let text = "f".repeat(256);
        assert_eq!(Group::from_hex(&text, "05"), Group::from_octets(&[0xff; 128], &[5]));
        assert_eq!(Group::from_hex(&format!("{text}g"), "5"), Err(BadGroup));
        assert_eq!(Group::from_hex(&text, ""), Err(BadGroup));
        assert_eq!(Group::from_hex(&text, "+5"), Err(BadGroup));
    }
}
