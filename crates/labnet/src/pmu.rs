//! The dialogue of a PDC with a PMU: commands, messages, and how a stream is cut back into messages.
//!
//! Handout, section 2. Neither commands nor messages have a delimiter or a length:
//!
//! ```text
//! PDC -> PMU   CMD_short:d        n short messages, d seconds apart
//!              CMD_floodme        one long text
//! PMU -> PDC   This is PMU data 1This is PMU data 2…This is PMU data n<end of stream>
//! ```

mod command;
mod device;
mod flood;
mod messages;
mod step;

pub use command::{Command, CommandReader, MAX_COMMAND_LEN, MAX_INTERVAL, Progress};
pub use device::Device;
pub use flood::{FLOOD_LEN, FloodText};
pub use messages::{MAX_DIGITS, Message, Messages, PREFIX};
pub use step::Step;
