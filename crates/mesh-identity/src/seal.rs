//! The way out: from an envelope and its payload to bytes that the shell signs.

use mesh_model::{Canonical, Envelope, Payload, SignedEnvelope};

/// The two byte strings of a message, ready to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Canonical bytes of the envelope: what the signature covers.
    pub unsigned: Vec<u8>,
    /// Canonical bytes of the payload.
    pub payload: Vec<u8>,
}

/// Encodes a message for signing. The envelope must describe the payload: its kind, its stream and its hash.
pub fn seal(envelope: &Envelope, payload: &Payload) -> Sealed {
    let payload_bytes = payload.encode();
    assert_eq!(envelope.kind, payload.kind(), "an envelope names the kind of its own payload");
    assert_eq!(envelope.stream, payload.kind().stream(), "an envelope names the stream of its own payload");
    assert_eq!(envelope.payload, mesh_model::Hash::of(&payload_bytes), "an envelope names its own payload's hash");
    Sealed { unsigned: envelope.encode(), payload: payload_bytes }
}

impl Sealed {
    /// The finished message, with the author's signature over the unsigned bytes.
    pub fn with_signature(self, signature: [u8; 64]) -> SignedEnvelope {
        SignedEnvelope { unsigned: self.unsigned, payload: self.payload, signature }
    }
}
