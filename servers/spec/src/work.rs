//! The computations and the file contents that routes answer with.
//!
//! Knows arithmetic. Must never know where it runs: on a loop or in a pool.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::hint::black_box;

use serde::Serialize;
use sha2::{Digest, Sha256};

/// A computation that holds whichever thread runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Marsaglia's xorshift32 (13, 17, 5), so many rounds from 2463534242.
    Xorshift {
        /// Number of rounds.
        rounds: u32,
    },
    /// SHA-256 over so many KiB, byte i being i mod 256.
    Sha256 {
        /// KiB that are hashed.
        kib: u32,
    },
}

/// What a computation found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Computed {
    /// The generator's last state.
    Xorshift(u32),
    /// The digest.
    Sha256([u8; 32]),
}

impl Work {
    /// Computes. Neither allocates nor blocks; takes about a nanosecond a round, or a KiB in a few microseconds.
    pub fn run(self) -> Computed {
        match self {
            Self::Xorshift { rounds } => Computed::Xorshift(xorshift(rounds)),
            Self::Sha256 { kib } => Computed::Sha256(sha256(kib)),
        }
    }
}

impl Computed {
    /// The lower-case hexadecimal digits that the route answers.
    pub(crate) fn to_hex(self) -> String {
        match self {
            Self::Xorshift(state) => format!("{state:08x}"),
            Self::Sha256(digest) => hex(digest),
        }
    }
}

/// What is said of a body that was uploaded.
#[derive(Serialize)]
pub(crate) struct Uploaded {
    bytes: usize,
    sha256: String,
}

impl Uploaded {
    pub(crate) fn of(body: &[u8]) -> Self {
        Self {
            bytes: body.len(),
            sha256: hex(Sha256::digest(body).into()),
        }
    }
}

/// The content of the file that `/file/{kib}` reads: byte i is i mod 251. 251 is prime, so that no page, block or
/// buffer of the file looks like the next and a misplaced one shows.
pub fn file_bytes(kib: u32) -> Vec<u8> {
    (0..=250_u8).cycle().take(kib as usize * 1024).collect()
}

/// The name of that file inside the data directory.
pub fn file_name(kib: u32) -> String {
    format!("{kib}.bin")
}

/// The start state that Marsaglia's paper uses (Xorshift RNGs, Journal of Statistical Software 8/14, 2003, p. 4).
const XORSHIFT_SEED: u32 = 2_463_534_242;

fn xorshift(rounds: u32) -> u32 {
    // The optimiser may not know the start, and must believe that the end is looked at: every round is carried out.
    let mut state = black_box(XORSHIFT_SEED);
    for _ in 0..rounds {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
    }
    black_box(state)
}

fn sha256(kib: u32) -> [u8; 32] {
    let mut hash = Sha256::new();
    for _ in 0..kib {
        hash.update(PATTERN);
    }
    hash.finalize().into()
}

/// 1 KiB of the bytes 0 to 255 in turn, fed over and over, so that hashing much needs no memory.
static PATTERN: [u8; 1024] = {
    let mut pattern = [0; 1024];
    let mut i = 0;
    while i < pattern.len() {
        pattern[i] = i.to_le_bytes()[0];
        i += 1;
    }
    pattern
};

fn hex(digest: [u8; 32]) -> String {
    digest
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            hex.push(hex_digit(byte >> 4));
            hex.push(hex_digit(byte & 15));
            hex
        })
}

fn hex_digit(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).expect("a nibble is below 16")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed by a few lines of Python from the definition.
    #[test]
    fn xorshift_gives_known_states() {
        for (rounds, hex) in [
            (0, "92d68ca2"),
            (1, "2b1f4d63"), // 723471715, the first number that the paper's generator yields
            (2, "94dacb7a"),
            (10, "9e2f3e39"),
            (1_000, "c4a2b16c"),
            (100_000, "0bb69297"),
        ] {
            assert_eq!(
                Work::Xorshift { rounds }.run().to_hex(),
                hex,
                "{rounds} rounds"
            );
        }
    }

    /// Computed by Python's hashlib.
    #[test]
    fn sha256_gives_known_digests() {
        for (kib, hex) in [
            (
                0,
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                1,
                "785b0751fc2c53dc14a4ce3d800e69ef9ce1009eb327ccf458afe09c242c26c9",
            ),
            (
                64,
                "7daca2095d0438260fa849183dfc67faa459fdf4936e1bc91eec6b281b27e4c2",
            ),
            (
                1000,
                "062af9ccd890ba3d067ca7150278bcc420069bd82f6e41161029303dfd6d661e",
            ),
        ] {
            assert_eq!(Work::Sha256 { kib }.run().to_hex(), hex, "{kib} KiB");
        }
    }

    #[test]
    fn file_bytes_count_modulo_251() {
        let bytes = file_bytes(4);
        assert_eq!(bytes.len(), 4096);
        assert!(
            bytes
                .iter()
                .enumerate()
                .all(|(i, &byte)| usize::from(byte) == i % 251)
        );
    }
}
