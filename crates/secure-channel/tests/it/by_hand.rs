//! A client that is made by hand, from the documentation alone: that the two understand each other shows that it says what is
//! done; and it can do what the client of this crate never does.

use std::time::SystemTime;

use aws_lc_rs::{
    aead, cipher, hmac,
    iv::FixedLength,
    rand::{SystemRandom, fill},
    rsa::{KeyPair, OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey},
    signature::RSA_PSS_SHA256,
};
use secure_channel::{
    ChannelSuite, Failure, Frame, Kind, Trust,
    frame::{HEADER_LEN, Header},
    handshake::server::{self, AwaitingFinished},
    message::Certificate,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::{
    pipe::Side::{self, Client, Server},
    sessions::{MESSAGE, Parties, parties},
};

// A client that is made by hand, from the documentation alone: that the two understand each other shows that it says
// what is done; and it can do what the client of this crate never does.

struct ByHand {
    randoms: Vec<u8>,
    said: Vec<u8>,
    /// The server's public key, as X.509 has it.
    server: Vec<u8>,
    state: server::Asked,
}

/// The secrets of a client by hand.
struct Keys {
    secret: hmac::Key,
    verified: [u8; 32],
}

fn hmac_of(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

fn sha256(text: &[u8]) -> [u8; 32] {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text).as_ref().try_into().unwrap()
}

fn frame(kind: u8, body: &[u8]) -> Frame {
    let bytes = [&[kind][..], &(body.len() as u16).to_be_bytes(), body].concat();
    let (frame, rest) = Frame::cut(&bytes).unwrap().unwrap();
    assert_eq!(rest, b"");
    frame
}

impl ByHand {
    /// Up to the server's first flight.
    fn greet(suite: ChannelSuite) -> Self {
        let mut random = [0; 32];
        fill(&mut random).unwrap();
        let hello = frame(1, &[&[0, 1, 1][..], &random, &[1], &(suite as u16).to_be_bytes()].concat());
        let (flight, state) = server::Listening::default().client_hello(&hello, &parties().server).unwrap();
        let [server_hello, certificate, _] = &flight;
        assert_eq!((&server_hello.as_bytes()[..6], server_hello.as_bytes().len()), (&[2, 0, 37, 0, 1, 1][..], 40));
        assert_eq!(server_hello.as_bytes()[38..], (suite as u16).to_be_bytes());
        let leaf = Certificate::decode(certificate.body()).unwrap().chain.swap_remove(0);
        let said = [&hello].into_iter().chain(&flight).flat_map(|frame| frame.as_bytes()).copied().collect();
        Self {
            randoms: [&random, &server_hello.as_bytes()[6..38]].concat(),
            said,
            server: X509Certificate::from_der(&leaf).unwrap().1.public_key().raw.to_vec(),
            state,
        }
    }

    fn encrypt(&self, plaintext: &[u8]) -> Vec<u8> {
        let key = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(&self.server).unwrap()).unwrap();
        let mut ciphertext = vec![0; key.ciphertext_size()];
        key.encrypt(&OAEP_SHA256_MGF1SHA256, plaintext, &mut ciphertext, None).unwrap();
        ciphertext
    }

    /// Sends the client's certificate, this as the key exchange, and a signature by `signer`.
    fn prove(
        mut self,
        exchange: &[u8],
        material: &[u8],
        signer: Side,
    ) -> Result<(AwaitingFinished, Keys, Vec<u8>), Failure> {
        let Parties { credentials, server, roots, .. } = parties();
        let own = &credentials[Client as usize];
        let body: Vec<u8> = own.chain().flat_map(|der| [&(der.len() as u16).to_be_bytes(), der].concat()).collect();
        let certificate = frame(3, &body);
        self.said.extend(certificate.as_bytes());
        let state = self.state.certificate(&certificate, &Trust::in_client(roots.clone()), SystemTime::now())?;

        let exchange = frame(5, exchange);
        self.said.extend(exchange.as_bytes());
        let state = state.key_exchange(&exchange, server)?;

        let key = KeyPair::from_pkcs8(credentials[signer as usize].key()).unwrap();
        let purpose = b"lab secure channel 1, client certificate verify\0";
        let text = [&[b' '; 64][..], purpose, &sha256(&self.said)].concat();
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), &text, &mut signature).unwrap();
        let verify = frame(6, &signature);
        self.said.extend(verify.as_bytes());
        let state = state.certificate_verify(&verify)?;

        let secret = hmac::Key::new(hmac::HMAC_SHA256, &hmac_of(&self.randoms, material));
        Ok((state, Keys { secret, verified: sha256(&self.said) }, self.said))
    }
}

impl Keys {
    /// All are as short as one block of HKDF-Expand.
    fn key<const N: usize>(&self, label: &str) -> [u8; N] {
        let len = [&(N as u16).to_be_bytes()[..], &[label.len() as u8]].concat();
        let info = [&len[..], label.as_bytes(), &self.verified, &[1]].concat();
        *hmac::sign(&self.secret, &info).as_ref().first_chunk().unwrap()
    }

    /// Protects the first record of a direction.
    fn seal(&self, suite: ChannelSuite, side: &str, kind: u8, text: &[u8]) -> Vec<u8> {
        match suite {
            ChannelSuite::Aes128CtrHmacSha256 => {
                let prefix = [&[0; 8][..], &[kind], &(text.len() as u16).to_be_bytes()].concat();
                let tag = hmac_of(&self.key::<32>(&format!("{side} mac")), &[&prefix, text].concat());
                let mut body = [text, &tag].concat();
                let key = cipher::UnboundCipherKey::new(&cipher::AES_128, &self.key::<16>(&format!("{side} cipher")));
                let first = cipher::EncryptionContext::Iv128(FixedLength::from([0; 16]));
                cipher::EncryptingKey::ctr(key.unwrap()).unwrap().less_safe_encrypt(&mut body, first).unwrap();
                body
            }
            ChannelSuite::Aes256Gcm => {
                let key = aead::UnboundKey::new(&aead::AES_256_GCM, &self.key::<32>(&format!("{side} cipher")));
                let nonce = aead::Nonce::assume_unique_for_key(self.key::<12>(&format!("{side} nonce")));
                let header = [&[kind][..], &(text.len() as u16 + 16).to_be_bytes()].concat();
                let mut body = text.to_vec();
                let key = aead::LessSafeKey::new(key.unwrap());
                key.seal_in_place_append_tag(nonce, aead::Aad::from(header), &mut body).unwrap();
                body
            }
        }
    }
}

#[test]
fn a_client_that_is_made_from_the_documentation_alone_is_understood() {
    for suite in ChannelSuite::ALL {
        let client = ByHand::greet(suite);
        let material = [0x3c; 32];
        let exchange = client.encrypt(&material);
        let (state, keys, mut said) = client.prove(&exchange, &material, Client).unwrap();
        let finished = frame(7, &hmac_of(&keys.key::<32>("client finished"), &sha256(&said)));
        said.extend(finished.as_bytes());
        let (answer, mut server) = state.finished(&finished).unwrap();
        assert_eq!(answer.kind(), Kind::Finished);
        assert_eq!(answer.body(), hmac_of(&keys.key::<32>("server finished"), &sha256(&said)), "{suite}");

        let mut sent = Vec::new();
        server.encryptor.seal(Kind::Data, MESSAGE, &mut sent).unwrap();
        assert_eq!(sent[HEADER_LEN..], keys.seal(suite, "server", 32, MESSAGE), "{suite}");
        let mut answer = keys.seal(suite, "client", 34, b"ACK");
        let header = Header { kind: Kind::Acknowledgement, len: answer.len() };
        assert_eq!(server.decryptor.open(header, &mut answer).unwrap(), b"ACK", "{suite}");
    }
}

#[test]
fn key_material_that_cannot_be_decrypted_fails_at_finished_and_not_earlier() {
    let suite = ChannelSuite::Aes256Gcm;
    let len = ByHand::greet(suite).encrypt(&[0; 32]).len();
    for (exchange, what) in [
        (vec![0; len], "zeros"),
        (vec![0xff; len], "more than the modulus"),
        (vec![0x42; len], "anything"),
        (Vec::new(), "nothing"),
        (vec![1; len - 1], "too short"),
        (vec![1; 1024], "too long"),
    ] {
        check_undecryptable(ByHand::greet(suite), &exchange, what);
    }
    for plaintext in [0, 31, 33, 190] {
        let client = ByHand::greet(suite);
        let exchange = client.encrypt(&vec![0; plaintext]);
        check_undecryptable(client, &exchange, &format!("{plaintext} bytes of plaintext"));
    }
}

/// Correctly signed by the owner of the certificate, and nothing but finished gives it away, whatever key material the
/// client may hope for.
fn check_undecryptable(client: ByHand, exchange: &[u8], what: &str) {
    let (state, keys, said) =
        client.prove(exchange, &[0; 32], Client).unwrap_or_else(|failure| panic!("{what}: {failure}"));
    let finished = frame(7, &hmac_of(&keys.key::<32>("client finished"), &sha256(&said)));
    assert_eq!(state.finished(&finished).err(), Some(Failure::Finished), "{what}");
}

#[test]
fn a_certificate_without_its_key_is_no_proof() {
    for suite in ChannelSuite::ALL {
        let client = ByHand::greet(suite);
        let exchange = client.encrypt(&[1; 32]);
        let proved = client.prove(&exchange, &[1; 32], Server);
        assert_eq!(proved.err(), Some(Failure::Signature), "{suite}");
    }
}
