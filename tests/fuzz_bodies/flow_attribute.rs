//! What senders say of their flows: JSON of anybody.

use rist::wire::flow_attribute::{LONGEST, read};

pub(super) fn flow_attribute(data: &[u8]) {
    let Ok(attribute) = read(data) else { return };
    assert!(data.len() <= LONGEST);
    let text = attribute.write();
    let again = read(text.as_bytes());
    // What is written can be longer: control characters take six octets.
    assert!(again.as_ref() == Ok(&attribute) || text.len() > LONGEST, "{text}");
    let flows = attribute.sessions.iter().flat_map(|session| &session.flows);
    let subflows: usize = flows.map(|flow| flow.subflows.len()).sum();
    // Each takes an object with an identifier.
    assert!(subflows * r#"{"id":1}"#.len() <= data.len());
}
