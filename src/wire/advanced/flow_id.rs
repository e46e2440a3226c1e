//! The Flow ID word (TR-06-3): which of the flows of a session, in three levels.

/// 16 bits outer, 12 bits inner, 4 bits sub-flow id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FlowId(pub u32);

impl FlowId {
    /// The virtual ports of Main as everybody maps them: the destination is the outer id, the low 12 bits of the source the
    /// inner one.
    #[inline]
    pub fn new(destination_port: u16, source_port: u16) -> Self {
        Self(u32::from(destination_port) << 16 | u32::from(source_port & 0x0fff) << 4)
    }

    #[inline]
    pub fn outer(self) -> u16 {
        (self.0 >> 16) as u16
    }

    #[inline]
    pub fn inner(self) -> u16 {
        (self.0 >> 4) as u16 & 0x0fff
    }

    #[inline]
    pub fn sub(self) -> u8 {
        self.0 as u8 & 0x0f
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_mapped_as_deployed() {
        let id = FlowId::new(1968, 1971);
        assert_eq!(id.0, 0x07b0_7b30);
        assert_eq!((id.outer(), id.inner(), id.sub()), (1968, 0x7b3, 0));
        assert_eq!(FlowId::new(1968, 32768 + 5).inner(), 5, "libRIST's default source port");
        let all = FlowId(0xffff_ffff);
        assert_eq!((all.outer(), all.inner(), all.sub()), (0xffff, 0xfff, 0xf));
    }
}
