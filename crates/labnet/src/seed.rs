//! A seed for each thing that has a name, from the one seed of a run.

/// The seed of what is called `name`: independent of all other names, the same for the same `seed`.
///
/// This is FNV-1a (64 bits), begun with `seed`.
pub fn named(seed: u64, name: &str) -> u64 {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    name.bytes().fold(OFFSET_BASIS ^ seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn a_name_has_a_seed_of_its_own_and_without_a_seed_it_is_fnv_1a() {
        // The test vector of the algorithm's authors (draft-eastlake-fnv, appendix C).
        assert_eq!(named(0, "foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(named(7, "reset"), named(7, "reset"));
        assert_ne!(named(7, "reset"), named(8, "reset"));
        assert_ne!(named(7, "reset IPv4"), named(7, "reset IPv6"));
    }
}
