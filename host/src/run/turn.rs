//! In which order runs that read at the same time change the directory. Of two connectors that bring the same name the
//! first has it: which one that is must not depend on whose provider answers faster.

use tokio_util::sync::{CancellationToken, DropGuard};

/// Gives runs their turns, first come first served.
#[derive(Debug)]
pub struct Turns {
    last: CancellationToken,
}

/// A run's turn. It is over when this is dropped, however the run ended.
#[derive(Debug)]
pub struct Turn {
    before: CancellationToken,
    _over: DropGuard,
}

impl Default for Turns {
    fn default() -> Self {
        let over = CancellationToken::new();
        over.cancel();
        Self { last: over }
    }
}

impl Turns {
    /// The turn after all that were given before.
    pub fn give(&mut self) -> Turn {
        let own = CancellationToken::new();
        let before = std::mem::replace(&mut self.last, own.clone());
        Turn { before, _over: own.drop_guard() }
    }
}

impl Turn {
    /// The turn of a run that no other is before.
    pub fn at_once() -> Self {
        Turns::default().give()
    }

    pub(super) fn has_come(&self) -> bool {
        self.before.is_cancelled()
    }

    /// Waits until the turns before this one are over.
    pub(super) async fn come(&self) {
        self.before.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_comes_when_the_one_before_is_over() {
        let mut turns = Turns::default();
        let [first, second, third] = [turns.give(), turns.give(), turns.give()];
        let come = |turn: &Turn| turn.has_come();
        assert_eq!([&first, &second, &third].map(come), [true, false, false]);
        // One that never needed its turn doesn't let others past those before it.
        drop(first);
        assert_eq!([&second, &third].map(come), [true, false]);
        drop(second);
        assert!(third.has_come() && Turn::at_once().has_come());
    }
}
