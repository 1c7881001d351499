//! Stateless pseudo-random numbers: every value is a function of the seed and a position.
//!
//! A population of a million users is never stored; each attribute is recomputed when asked for, so it
//! has to come from its position rather than from a generator's running state.

/// The seed of a population, from which every generated value follows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seed(u64);

impl Seed {
    pub(crate) fn new(seed: u64) -> Self {
        Self(mix(seed ^ 0x6f6b_7461_2d73_696d))
    }

    /// A 64-bit value for the `index`th object in the stream called `salt`.
    pub(crate) fn value(self, salt: u64, index: u64) -> u64 {
        mix(self.0 ^ mix(index.wrapping_add(salt.wrapping_mul(0x9e37_79b9_7f4a_7c15))))
    }

    /// A value in `0..bound` for the `index`th object in the stream called `salt`; 0 when `bound` is 0.
    pub(crate) fn below(self, salt: u64, index: u64, bound: u64) -> u64 {
        // Multiply-shift instead of a remainder: no division, and the bias is below one in 2^40 here.
        ((u128::from(self.value(salt, index)) * u128::from(bound)) >> 64) as u64
    }

    /// One element of `choices` for the `index`th object in the stream called `salt`.
    pub(crate) fn pick<T: Copy>(self, salt: u64, index: u64, choices: &[T]) -> T {
        choices[self.below(salt, index, choices.len() as u64) as usize]
    }
}

/// The finaliser of SplitMix64.
pub(crate) fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_depend_on_seed_salt_and_index() {
        let (a, b) = (Seed::new(1), Seed::new(2));
        assert_eq!(a.value(3, 4), a.value(3, 4));
        assert_ne!(a.value(3, 4), b.value(3, 4));
        assert_ne!(a.value(3, 4), a.value(4, 4));
        assert_ne!(a.value(3, 4), a.value(3, 5));
    }

    #[test]
    fn below_stays_in_range_and_reaches_both_ends() {
        let seed = Seed::new(7);
        let drawn: Vec<u64> = (0..1000).map(|i| seed.below(1, i, 10)).collect();
        assert!(drawn.iter().all(|&v| v < 10));
        assert!(drawn.contains(&0) && drawn.contains(&9));
        assert_eq!(seed.below(1, 1, 0), 0);
    }
}
