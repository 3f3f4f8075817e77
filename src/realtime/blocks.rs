//! Blocking somebody.

use std::sync::Arc;

use super::Realtime;
use super::presence::Seat;
use super::reply::{Ack, refuse};
use crate::domain::{Pair, UserId};
use crate::protocol::payload::{Block, BlockChanged, Blocked};

/// Stands in the same line as messages: what the other sent before is told before the
/// acknowledgement, and nothing after it. The other is told nothing.
pub fn block(realtime: &Arc<Realtime>, seat: &Arc<Seat>, block: Block, ack: Ack<Block>) {
    let Block { chat_partner_id, blocked } = block;
    let partner: UserId = chat_partner_id.into();
    let permit = match realtime.order.permit(seat.user.id) {
        Ok(permit) => permit,
        Err(error) => return refuse(seat, ack, &error),
    };
    let (realtime_then, seat) = (Arc::clone(realtime), Arc::clone(seat));
    realtime.order.begin(Pair::of(seat.user.id, partner), permit, move || {
        let setting = realtime_then.services.blocks.set(seat.user.id, partner, blocked);
        async move {
            let changed = match setting.await {
                Ok(changed) => changed,
                Err(error) => return refuse(&seat, ack, &error),
            };
            seat.acknowledge(ack, &Blocked { blocked });
            if changed {
                let payload = BlockChanged { chat_partner_id: partner, blocked };
                for other in realtime_then.presence.others(seat.user.id, seat.socket.id) {
                    other.emit(&payload);
                }
            }
        }
    });
}
