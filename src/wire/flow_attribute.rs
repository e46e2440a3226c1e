//! What a sender of the Advanced profile says of its flows: the JSON of TR-06-3's flow attribute message.
//!
//! libRIST says something else in the same message (its name, its port, one flow): that is not of this schema, and an
//! error here. What an identifier is, text or number, is left open by those who read it: both are taken, and what looks
//! like a number is written as one.

use super::json::{Reader, Scalar, quote};
use super::{Error, Result};
use std::fmt::Write;

/// Longest text that is read, octets. One datagram holds less.
pub const LONGEST: usize = 65_536;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FlowAttribute {
    pub sessions: Vec<Session>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Session {
    /// "seconds:nanoseconds" of the last change.
    pub version: String,
    pub sid: String,
    pub flows: Vec<Flow>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Flow {
    pub fid: String,
    pub subflows: Vec<Subflow>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subflow {
    pub id: String,
    /// Payload format descriptor, `fmt_des`.
    pub format: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub priority: Option<u64>,
    pub bitrate: Option<u64>,
    pub sdp: Option<String>,
}

/// Reads the text of a message, with or without the NUL that ends it. Keys that are not of the schema are passed over; of
/// equal keys the last counts.
pub fn read(text: &[u8]) -> Result<FlowAttribute> {
    if text.len() > LONGEST {
        return Err(Error::Unsupported);
    }
    let text = text.strip_suffix(&[0]).unwrap_or(text);
    let mut reader = Reader::new(std::str::from_utf8(text).map_err(|_| Error::Malformed)?);
    let mut sessions = None;
    reader.object(|reader, key| match key {
        "sessions" => list(reader, session).map(|list| sessions = Some(list)),
        _ => reader.skip(),
    })?;
    reader.end()?;
    Ok(FlowAttribute { sessions: needed(sessions)? })
}

fn session(reader: &mut Reader<'_>) -> Result<Session> {
    let (mut version, mut sid, mut flows) = (None, None, Vec::new());
    reader.object(|reader, key| match key {
        "version" => text(reader, &mut version),
        "sid" => text(reader, &mut sid),
        "flows" => list(reader, flow).map(|list| flows = list),
        _ => reader.skip(),
    })?;
    Ok(Session { version: needed(version)?, sid: needed(sid)?, flows })
}

fn flow(reader: &mut Reader<'_>) -> Result<Flow> {
    let (mut fid, mut subflows) = (None, None);
    reader.object(|reader, key| match key {
        "fid" => text(reader, &mut fid),
        "subflows" => list(reader, subflow).map(|list| subflows = Some(list)),
        _ => reader.skip(),
    })?;
    Ok(Flow { fid: needed(fid)?, subflows: needed(subflows)? })
}

fn subflow(reader: &mut Reader<'_>) -> Result<Subflow> {
    let (mut id, mut subflow) = (None, Subflow::default());
    reader.object(|reader, key| match key {
        "id" => text(reader, &mut id),
        "fmt_des" => text(reader, &mut subflow.format),
        "name" => text(reader, &mut subflow.name),
        "description" => text(reader, &mut subflow.description),
        "priority" => number(reader, &mut subflow.priority),
        "bitrate" => number(reader, &mut subflow.bitrate),
        "sdp" => text(reader, &mut subflow.sdp),
        _ => reader.skip(),
    })?;
    subflow.id = needed(id)?;
    Ok(subflow)
}

fn needed<T>(value: Option<T>) -> Result<T> {
    value.ok_or(Error::Malformed)
}

fn list<T>(reader: &mut Reader<'_>, mut element: impl FnMut(&mut Reader<'_>) -> Result<T>) -> Result<Vec<T>> {
    let mut list = Vec::new();
    reader.array(|reader| element(reader).map(|element| list.push(element)))?;
    Ok(list)
}

/// Text without NUL, so that C can have it; `null` is as good as nothing.
fn text(reader: &mut Reader<'_>, to: &mut Option<String>) -> Result<()> {
    *to = match reader.scalar()? {
        Scalar::Text(text) if text.contains('\0') => return Err(Error::Malformed),
        Scalar::Text(text) | Scalar::Number(text) => Some(text),
        Scalar::Other => None,
    };
    Ok(())
}

/// A whole number from 0, as a number or as text, that 63 bits hold.
fn number(reader: &mut Reader<'_>, to: &mut Option<u64>) -> Result<()> {
    *to = match reader.scalar()? {
        Scalar::Text(text) | Scalar::Number(text) => {
            let number = text.parse().ok().filter(|number| i64::try_from(*number).is_ok());
            Some(needed(number)?)
        }
        Scalar::Other => None,
    };
    Ok(())
}

impl FlowAttribute {
    /// As compact JSON.
    pub fn write(&self) -> String {
        let mut json = String::from(r#"{"sessions":"#);
        array(&mut json, &self.sessions, |json, session| {
            json.push_str(r#"{"version":"#);
            quote(json, &session.version);
            json.push_str(r#","sid":"#);
            identifier(json, &session.sid);
            json.push_str(r#","flows":"#);
            array(json, &session.flows, |json, flow| {
                json.push_str(r#"{"fid":"#);
                identifier(json, &flow.fid);
                json.push_str(r#","subflows":"#);
                array(json, &flow.subflows, write_subflow);
                json.push('}');
            });
            json.push('}');
        });
        json.push('}');
        json
    }
}

fn write_subflow(json: &mut String, subflow: &Subflow) {
    json.push_str(r#"{"id":"#);
    identifier(json, &subflow.id);
    let texts = [("fmt_des", &subflow.format), ("name", &subflow.name), ("description", &subflow.description)];
    let numbers = [("priority", subflow.priority), ("bitrate", subflow.bitrate)];
    let text = |json: &mut String, (key, text): (&str, &Option<String>)| {
        if let Some(text) = text {
            // Writing to a String cannot fail.
            let _ = write!(json, ",\"{key}\":");
            quote(json, text);
        }
    };
    texts.into_iter().for_each(|pair| text(json, pair));
    for (key, number) in numbers {
        if let Some(number) = number {
            let _ = write!(json, ",\"{key}\":{number}");
        }
    }
    text(json, ("sdp", &subflow.sdp));
    json.push('}');
}

fn array<T>(json: &mut String, elements: &[T], mut write: impl FnMut(&mut String, &T)) {
    json.push('[');
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        write(json, element);
    }
    json.push(']');
}

/// A number where the text is one that every reader keeps exactly.
fn identifier(json: &mut String, text: &str) {
    let digits = (1..=15).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
    if digits && (text == "0" || !text.starts_with('0')) {
        json.push_str(text);
    } else {
        quote(json, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> FlowAttribute {
        let first = Subflow {
            id: "0".into(),
            format: Some("41AFD040".into()),
            name: Some("Program \"1\"".into()),
            description: Some("Main feed".into()),
            priority: Some(3),
            bitrate: Some(5_000_000),
            sdp: Some("v=0\r\n".into()),
        };
        let second = Subflow { id: "eng".into(), ..Subflow::default() };
        let flows = vec![
            Flow { fid: "7".into(), subflows: vec![first, second] },
            Flow { fid: "007".into(), subflows: Vec::new() },
        ];
        FlowAttribute { sessions: vec![Session { version: "1700000000:5".into(), sid: "12".into(), flows }] }
    }

    #[test]
    fn it_is_written_as_the_schema_says() {
        let expected = concat!(
            r#"{"sessions":[{"version":"1700000000:5","sid":12,"flows":[{"fid":7,"subflows":["#,
            r#"{"id":0,"fmt_des":"41AFD040","name":"Program \"1\"","description":"Main feed","priority":3,"#,
            r#""bitrate":5000000,"sdp":"v=0\r\n"},{"id":"eng"}]},{"fid":"007","subflows":[]}]}]}"#,
        );
        assert_eq!(example().write(), expected);
        assert_eq!(read(expected.as_bytes()), Ok(example()));
        assert_eq!(read(format!("{expected}\0").as_bytes()), Ok(example()));
    }

    #[test]
    fn others_may_say_more_and_in_another_order() {
        let text = r#" { "x" : [1,{"sessions":2}], "sessions" : [ { "flows" : [ { "subflows" : [
            { "bitrate" : "900", "name" : null, "id" : 1.5, "more" : {} } ], "fid" : "a" } ], "sid" : "s", "version" : "1:2" } ] } "#;
        let subflow = Subflow { id: "1.5".into(), bitrate: Some(900), ..Subflow::default() };
        let flows = vec![Flow { fid: "a".into(), subflows: vec![subflow] }];
        let session = Session { version: "1:2".into(), sid: "s".into(), flows };
        assert_eq!(read(text.as_bytes()), Ok(FlowAttribute { sessions: vec![session] }));
        assert_eq!(read(br#"{"sessions":[]}"#), Ok(FlowAttribute::default()));
    }

    #[test]
    fn what_is_not_of_the_schema_is_refused() {
        let of_librist = r#"{"session":"me","virt_dst_port":1968,"profile":"advanced","flow_id":1968,"flow_inner":0}"#;
        let subflow = |inside: &str| {
            format!(r#"{{"sessions":[{{"version":"1:2","sid":1,"flows":[{{"fid":1,"subflows":[{{{inside}}}]}}]}}]}}"#)
        };
        let wrong = [
            of_librist,
            "",
            "[]",
            r#"{"sessions":[]} x"#,
            r#"{"sessions":{}}"#,
            r#"{"sessions":[{"sid":1}]}"#,
            r#"{"sessions":[{"version":"1:2"}]}"#,
            r#"{"sessions":[{"version":"1:2","sid":1,"flows":[{"fid":1}]}]}"#,
            &subflow(""),
            &subflow(r#""id":null"#),
            &subflow(r#""id":[]"#),
            &subflow(r#""id":1,"bitrate":-5"#),
            &subflow(r#""id":1,"bitrate":18446744073709551615"#),
            &subflow(r#""id":1,"priority":"high""#),
            &subflow(r#""id":"a\u0000b""#),
        ];
        for text in wrong {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
        assert!(read(subflow(r#""id":1"#).as_bytes()).is_ok());
        assert!(read(b"{\"sessions\":[],\"\xff\":1}").is_err());
        assert_eq!(read(&vec![b' '; LONGEST + 1]), Err(Error::Unsupported));
    }
}
