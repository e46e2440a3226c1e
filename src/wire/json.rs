//! JSON of others, read once from front to back: nothing is kept but what the caller asks for, depth is bounded, and
//! the work grows with the text only.

use super::{Error, Result};

/// Objects and arrays inside each other, at most.
const DEEPEST: u8 = 16;

pub(super) struct Reader<'a> {
    rest: &'a [u8],
    depth: u8,
}

/// A value that is no object and no array.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    Text(String),
    /// As it was written.
    Number(String),
    /// `true`, `false` or `null`.
    Other,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text.as_bytes(), depth: 0 }
    }

    /// An object: `each` reads or skips the value of each key.
    pub(super) fn object(&mut self, mut each: impl FnMut(&mut Self, &str) -> Result<()>) -> Result<()> {
        self.members(b'{', b'}', |reader| {
            let key = reader.text()?;
            reader.expect(b':')?;
            each(reader, &key)
        })
    }

    /// An array: `each` reads or skips an element.
    pub(super) fn array(&mut self, each: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        self.members(b'[', b']', each)
    }

    fn members(&mut self, open: u8, close: u8, mut each: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        self.expect(open)?;
        if self.depth == DEEPEST {
            return Err(Error::Unsupported);
        }
        self.depth += 1;
        if self.peek() != Some(close) {
            loop {
                each(self)?;
                if self.peek() != Some(b',') {
                    break;
                }
                self.expect(b',')?;
            }
        }
        self.depth -= 1;
        self.expect(close)
    }

    pub(super) fn scalar(&mut self) -> Result<Scalar> {
        match self.peek() {
            Some(b'"') => self.text().map(Scalar::Text),
            Some(b'-' | b'0'..=b'9') => self.number().map(Scalar::Number),
            _ => {
                let words: [&[u8]; 3] = [b"true", b"false", b"null"];
                let rest = words.iter().find_map(|word| self.rest.strip_prefix(*word)).ok_or(Error::Malformed)?;
                self.rest = rest;
                Ok(Scalar::Other)
            }
        }
    }

    /// Passes over a value of any kind.
    pub(super) fn skip(&mut self) -> Result<()> {
        match self.peek() {
            Some(b'{') => self.object(|reader, _| reader.skip()),
            Some(b'[') => self.array(Self::skip),
            _ => self.scalar().map(drop),
        }
    }

    /// Nothing may follow.
    pub(super) fn end(mut self) -> Result<()> {
        if self.peek().is_none() { Ok(()) } else { Err(Error::Malformed) }
    }

    /// The next octet that is no white space.
    fn peek(&mut self) -> Option<u8> {
        while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = self.rest {
            self.rest = rest;
        }
        self.rest.first().copied()
    }

    fn expect(&mut self, octet: u8) -> Result<()> {
        let found = self.peek().ok_or(Error::TooShort)?;
        if found != octet {
            return Err(Error::Malformed);
        }
        self.rest = &self.rest[1..];
        Ok(())
    }

    fn next(&mut self) -> Result<u8> {
        let (first, rest) = self.rest.split_first().ok_or(Error::TooShort)?;
        self.rest = rest;
        Ok(*first)
    }

    fn text(&mut self) -> Result<String> {
        self.expect(b'"')?;
        let mut text = Vec::new();
        loop {
            match self.next()? {
                b'"' => break,
                b'\\' => self.escaped(&mut text)?,
                // They have to be escaped.
                0..=0x1f => return Err(Error::Malformed),
                octet => text.push(octet),
            }
        }
        String::from_utf8(text).map_err(|_| Error::Malformed)
    }

    fn escaped(&mut self, text: &mut Vec<u8>) -> Result<()> {
        let octet = match self.next()? {
            octet @ (b'"' | b'\\' | b'/') => octet,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let mut octets = [0; 4];
                text.extend_from_slice(self.unicode()?.encode_utf8(&mut octets).as_bytes());
                return Ok(());
            }
            _ => return Err(Error::Malformed),
        };
        text.push(octet);
        Ok(())
    }

    /// Behind `\u`: one unit of UTF-16, or two with `\u` between them.
    fn unicode(&mut self) -> Result<char> {
        let first = self.unit()?;
        let units = match first {
            0xd800..=0xdbff => {
                let (Ok(b'\\'), Ok(b'u')) = (self.next(), self.next()) else { return Err(Error::Malformed) };
                [first, self.unit()?]
            }
            _ => return char::from_u32(first.into()).ok_or(Error::Malformed),
        };
        let mut decoded = char::decode_utf16(units);
        decoded.next().and_then(|decoded| decoded.ok()).ok_or(Error::Malformed)
    }

    fn unit(&mut self) -> Result<u16> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = char::from(self.next()?).to_digit(16).ok_or(Error::Malformed)?;
            unit = unit << 4 | digit as u16;
        }
        Ok(unit)
    }

    fn number(&mut self) -> Result<String> {
        let is_part = |octet: &&u8| matches!(octet, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
        let (number, rest) = self.rest.split_at(self.rest.iter().take_while(is_part).count());
        self.rest = rest;
        if is_number(number) { Ok(String::from_utf8_lossy(number).into_owned()) } else { Err(Error::Malformed) }
    }
}

/// RFC 8259 §6.
fn is_number(text: &[u8]) -> bool {
    let all_digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let (text, exponent) = match text.iter().position(|octet| matches!(octet, b'e' | b'E')) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let (whole, fraction) = match text.iter().position(|octet| *octet == b'.') {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let exponent = exponent.map(|digits| digits.strip_prefix(b"+").or(digits.strip_prefix(b"-")).unwrap_or(digits));
    all_digits(whole)
        && (whole.len() == 1 || whole[0] != b'0')
        && fraction.is_none_or(all_digits)
        && exponent.is_none_or(all_digits)
}

/// Text with its quotation marks.
pub(super) fn quote(to: &mut String, text: &str) {
    to.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => to.extend(['\\', character]),
            '\n' => to.push_str("\\n"),
            '\r' => to.push_str("\\r"),
            control if control < ' ' || control == '\x7f' => {
                to.push_str("\\u00");
                to.extend(
                    [control as u32 >> 4, control as u32 & 15].map(|digit| char::from_digit(digit, 16).unwrap_or('0')),
                );
            }
            other => to.push(other),
        }
    }
    to.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(text: &str) -> Result<Scalar> {
        let mut reader = Reader::new(text);
        let scalar = reader.scalar()?;
        reader.end().map(|()| scalar)
    }

    #[test]
    fn texts_are_unescaped() {
        let text = |text: &str| Ok(Scalar::Text(text.into()));
        assert_eq!(scalar(r#" "a\"\\\/\b\f\n\r\tb" "#), text("a\"\\/\x08\x0c\n\r\tb"));
        assert_eq!(scalar(r#""\u0041\u00e9\ud83d\ude00é""#), text("Aé😀é"));
        for wrong in [r#""\ud83d""#, r#""\ude00""#, r#""\ud83d\u0041""#, r#""\u12g4""#, r#""\x""#, "\"\n\"", "\"a"] {
            assert!(scalar(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_are_those_of_the_standard() {
        for good in ["0", "-1", "12.50", "1e9", "1.5E-3", "-0.0", "10"] {
            assert_eq!(scalar(good), Ok(Scalar::Number(good.into())));
        }
        for wrong in ["01", "-", "1.", ".5", "1e", "+1", "1-", "0x10", "1.e5", "--1"] {
            assert!(scalar(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn anything_is_passed_over_but_not_any_depth() {
        let all = |text: &str| {
            let mut reader = Reader::new(text);
            reader.skip().and_then(|()| reader.end())
        };
        assert_eq!(all(r#" {"a":[1,"x",{},[],true,false,null],"b":{"c":-1}} "#), Ok(()));
        for wrong in ["", "{", "[1,]", "{\"a\"}", "{1:2}", "[1 2]", "nul", "{}x", "[}", ","] {
            assert!(all(wrong).is_err(), "{wrong}");
        }
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(all(&nested(16)), Ok(()));
        assert_eq!(all(&nested(17)), Err(Error::Unsupported));
        assert_eq!(all(&"[".repeat(100_000)), Err(Error::Unsupported));
    }

    #[test]
    fn what_is_quoted_is_read_again() {
        let text: String = (0..0x250).filter_map(char::from_u32).collect();
        let mut quoted = String::new();
        quote(&mut quoted, &text);
        assert!(quoted.bytes().all(|octet| octet >= b' '));
        assert_eq!(scalar(&quoted), Ok(Scalar::Text(text)));
    }
}
