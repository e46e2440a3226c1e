//! What a sender tells of its flows, as JSON.

use super::{append, ci};

/// Appends a message with this text.
pub fn write_flow_attribute(out: &mut Vec<u8>, json: &[u8]) {
    append(out, ci::FLOW_ATTRIBUTE, |out| out.extend_from_slice(json));
}

/// Appends what libRIST senders tell: their name and where the flow goes. It is not what the standard describes.
pub fn write_librist_flow_attribute(out: &mut Vec<u8>, cname: &str, destination_port: u16) {
    append(out, ci::FLOW_ATTRIBUTE, |out| {
        out.extend_from_slice(b"{\"session\":");
        put_string(out, cname);
        let port = destination_port;
        let rest = format!(",\"virt_dst_port\":{port},\"profile\":\"advanced\",\"flow_id\":{port},\"flow_inner\":0}}");
        out.extend_from_slice(rest.as_bytes());
    });
}

/// A string of JSON (RFC 8259 §7).
fn put_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for octet in text.bytes() {
        match octet {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', octet]),
            0..0x20 => out.extend_from_slice(format!("\\u{octet:04x}").as_bytes()),
            _ => out.push(octet),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::super::Message;
    use super::*;

    fn told(cname: &str) -> String {
        let mut out = Vec::new();
        write_librist_flow_attribute(&mut out, cname, 1968);
        match Message::parse(&out) {
            Ok(Message::FlowAttribute(json)) => String::from_utf8(json.to_vec()).expect("text"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_are_escaped() {
        let rest = ",\"virt_dst_port\":1968,\"profile\":\"advanced\",\"flow_id\":1968,\"flow_inner\":0}";
        for (cname, escaped) in
            [("demo", "demo"), ("a\"b\\c", "a\\\"b\\\\c"), ("\n\0", "\\u000a\\u0000"), ("é\u{7f}", "é\u{7f}")]
        {
            assert_eq!(told(cname), format!("{{\"session\":\"{escaped}\"{rest}"));
        }
    }
}
