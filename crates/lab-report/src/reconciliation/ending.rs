//! The checks of how a connection ended: a reset, and packets that came to an end that had closed.

use lab_testbed::facts::RefusedPackets;

use super::{ReconciliationBuilder, direction::DirectionChecks};
use crate::formatting::{count, number};

impl DirectionChecks<'_> {
    /// A reset destroys what is on its way; what the other end has acknowledged had arrived.
    pub(super) fn reset(&self, builder: &mut ReconciliationBuilder) {
        let (from, to, packets) = (self.from, self.to, self.packets);
        let claim = format!("The {from} did not reset the connection");
        match packets.reset {
            _ if !packets.has_rst => builder.check(claim, "no reset was captured", true),
            None => builder.check(claim, "it did: bytes on their way may have been thrown away", false),
            Some(cost) if cost.unacknowledged == 0 => {
                let bytes = count(cost.bytes, "byte");
                let numbers = format!("packet {}: the {to} had acknowledged all {bytes} before", cost.packet);
                builder.check(format!("The reset of the {from} destroyed nothing that it had sent"), numbers, true);
            }
            Some(cost) => {
                let numbers = format!(
                    "it did, in packet {}: {} of its {} had not been acknowledged",
                    cost.packet,
                    number(cost.unacknowledged),
                    count(cost.bytes, "byte"),
                );
                builder.check(claim, numbers, false);
            }
        }
    }

    /// The packets that the receiver refused and may refuse.
    pub(super) fn refused(&self) -> RefusedPackets {
        let refused = self.packets.refused;
        if refused.bytes <= self.may_be_refused { refused } else { RefusedPackets::default() }
    }

    pub(super) fn refused_packets(&self, builder: &mut ReconciliationBuilder) {
        let (refused, to) = (self.packets.refused, self.to);
        if refused.packets == 0 {
            return;
        }
        let holds = refused.bytes <= self.may_be_refused;
        let numbers = format!(
            "{} in {}, answered with a reset{}",
            count(refused.bytes, "byte"),
            count(refused.packets, "packet"),
            if holds { ": nobody was to read them" } else { ": messages are among them" },
        );
        builder.check(format!("What the {to} refused came after its end, and is no message"), numbers, holds);
    }

    /// The bytes of the stream that the receiver took, and its FIN, if it took that.
    pub(super) fn taken(&self) -> (u64, u64) {
        let (packets, refused) = (self.packets, self.refused());
        let fin = packets.has_fin && !refused.has_fin;
        (packets.distinct_bytes.saturating_sub(refused.bytes), fin.into())
    }
}
