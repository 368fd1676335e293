//! The secrets of a connection, as a key log names them (RFC 9850, section 2; first NSS's format).

use zeroize::Zeroizing;

/// The length of a client's random (section 4.1.2).
pub(super) const RANDOM_LEN: usize = 32;

/// The longest secret: a TLS 1.2 master secret has 48 bytes (RFC 5246, section 8.1), a hash at most 64.
const MAX_SECRET_LEN: usize = 64;

/// How many secrets are kept; a connection has six (ours).
const MAX_SECRETS: usize = 32;

/// What a secret is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// TLS 1.2: the master secret.
    Master,
    ClientHandshake,
    ServerHandshake,
    ClientApplication,
    ServerApplication,
}

impl Label {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "CLIENT_RANDOM" => Self::Master,
            "CLIENT_HANDSHAKE_TRAFFIC_SECRET" => Self::ClientHandshake,
            "SERVER_HANDSHAKE_TRAFFIC_SECRET" => Self::ServerHandshake,
            "CLIENT_TRAFFIC_SECRET_0" => Self::ClientApplication,
            "SERVER_TRAFFIC_SECRET_0" => Self::ServerApplication,
            _ => return None,
        })
    }
}

/// A secret's bytes, wiped when dropped.
pub(super) type Secret = Zeroizing<Vec<u8>>;

struct Known {
    label: Label,
    client_random: Vec<u8>,
    secret: Secret,
}

/// Those that have been handed in.
#[derive(Default)]
pub(super) struct Secrets(Vec<Known>);

impl Secrets {
    pub(super) fn add(&mut self, label: &str, client_random: &[u8], secret: &[u8]) {
        let is_sound = client_random.len() == RANDOM_LEN && secret.len() <= MAX_SECRET_LEN;
        if let Some(label) = Label::of(label).filter(|_| is_sound && self.0.len() < MAX_SECRETS) {
            let (client_random, secret) = (client_random.to_vec(), Zeroizing::new(secret.to_vec()));
            self.0.push(Known { label, client_random, secret });
        }
    }

    pub(super) fn of(&self, label: Label, client_random: &[u8]) -> Option<&Secret> {
        let known = self.0.iter().find(|known| known.label == label && known.client_random == client_random)?;
        Some(&known.secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_belongs_to_one_connection_and_one_purpose() {
        let mut secrets = Secrets::default();
        secrets.add("CLIENT_RANDOM", &[1; 32], &[7; 48]);
        secrets.add("EXPORTER_SECRET", &[1; 32], &[8; 32]);
        secrets.add("CLIENT_TRAFFIC_SECRET_0", &[1; 31], &[9; 32]);
        assert_eq!(secrets.of(Label::Master, &[1; 32]).map(|secret| secret.len()), Some(48));
        assert_eq!(secrets.of(Label::Master, &[2; 32]), None);
        assert_eq!(secrets.0.len(), 1);
        for _ in 0..100 {
            secrets.add("CLIENT_RANDOM", &[3; 32], &[7; 48]);
        }
        assert_eq!(secrets.0.len(), MAX_SECRETS);
    }
}
