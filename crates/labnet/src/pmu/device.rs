//! The PMU itself: the steps with which it answers a command.

use std::sync::Arc;

use super::{Command, FLOOD_LEN, FloodText, PREFIX, Step};

/// A PMU of the handout, section 2.
#[derive(Clone, Debug)]
pub struct Device {
    /// The number of the first message: 1 in the handout, 0 in later editions.
    pub first: u64,
    /// How many messages answer `CMD_short:d`.
    pub messages: u64,
    /// What follows each message: nothing in the handout, a newline in some later PMUs.
    pub separator: String,
    /// The text that answers `CMD_floodme`.
    pub flood: Arc<[u8]>,
}

impl Default for Device {
    fn default() -> Self {
        Self { first: 1, messages: 10, separator: String::new(), flood: FloodText::default().text(FLOOD_LEN).into() }
    }
}

impl Device {
    /// The steps that answer a command: each message is [`Step::Bytes`], after a [`Step::Pause`] where one is due; the
    /// last step is [`Step::Fin`].
    pub fn answer<'a>(&'a self, command: &Command) -> impl Iterator<Item = Step> + use<'a> {
        let short = command.interval().map(|interval| {
            (0..self.messages).flat_map(move |i| {
                let pause = (i > 0 && !interval.is_zero()).then_some(Step::Pause(interval));
                pause.into_iter().chain([Step::Bytes(self.message(self.first.saturating_add(i)))])
            })
        });
        let flood = command.is_flood().then(|| Step::Bytes(Arc::clone(&self.flood)));
        short.into_iter().flatten().chain(flood).chain([Step::Fin])
    }

    fn message(&self, number: u64) -> Arc<[u8]> {
        [PREFIX, number.to_string().as_bytes(), self.separator.as_bytes()].concat().into()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn check(device: &Device, command: &str, expected: &[(f64, &str)]) {
        let command = command.parse().unwrap();
        let mut steps: Vec<_> = device.answer(&command).collect();
        assert_eq!(steps.pop(), Some(Step::Fin));
        let (mut sends, mut pause) = (Vec::new(), Duration::ZERO);
        for step in steps {
            match step {
                Step::Pause(duration) => pause = duration,
                Step::Bytes(bytes) => {
                    let pause = std::mem::take(&mut pause).as_secs_f64();
                    sends.push((pause, String::from_utf8(bytes.to_vec()).unwrap()));
                }
                other => panic!("{other:?}"),
            }
        }
        let expected: Vec<_> = expected.iter().map(|&(pause, text)| (pause, text.to_owned())).collect();
        assert_eq!(sends, expected);
    }

    #[test]
    fn q11_short_messages_are_one_send_each_d_seconds_apart() {
        let device = Device { messages: 3, ..Device::default() };
        check(
            &device,
            "CMD_short:1.5",
            &[(0.0, "This is PMU data 1"), (1.5, "This is PMU data 2"), (1.5, "This is PMU data 3")],
        );
        let device = Device { first: 0, messages: 2, separator: "\n".to_owned(), ..device };
        check(&device, "CMD_short:0", &[(0.0, "This is PMU data 0\n"), (0.0, "This is PMU data 1\n")]);
    }

    #[test]
    fn q14_a_flood_is_one_send() {
        let device = Device { flood: b"all of it".as_slice().into(), ..Device::default() };
        check(&device, "CMD_floodme", &[(0.0, "all of it")]);
    }
}
